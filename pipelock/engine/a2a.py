"""Section `a2a_scanning`: what agents send to each other, and the cards by which they describe themselves.

    recognise ─▶ documents ─▶ walk ─▶ texts: injection and secrets · URLs: every layer before DNS · files: as texts

Texts are read together, so that what is spread over fields is whole, and a finding names the field that it stands in.
What depends on messages before this one is the tracker's (`pipelock.engine.a2a_tracker`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from pipelock.detect.a2a import Json, Sort, documents, recognise
from pipelock.detect.a2a_walk import Item, Walk, decoded_text, walk
from pipelock.detect.url_view import UrlError, split_url
from pipelock.model import Action, Finding, Severity, Verdict

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["A2aSettings", "inspect_a2a", "read_a2a", "verdict_for_a2a"]

MAX_URLS = 50
"""Different URLs of one message that are judged; more are a finding of their own."""
_GAP = "\n"
_EXTENSIONS = frozenset({"a2a-extensions", "x-a2a-extensions"})
_DATA = frozenset({"dlp", "core_dlp", "entropy", "subdomain_entropy"})
# In a message these say nothing: where requests may go is asked when one is made.
_NOT_ASKED = frozenset({"allowlist", "length", "parser"})


class A2aSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The section. `action` is what is done about a finding."""

    action: Verdict = Verdict.WARN
    cards: bool = True
    drift: bool = True
    sessions: bool = True
    raw: bool = True
    max_messages: int = 100
    max_contexts: int = 1000
    max_raw: int = 1_048_576


def verdict_for_a2a(action: Action, finding: Finding, settings: A2aSettings | None) -> Verdict:
    """What a finding of this layer demands: a critical secret does not leave, whatever the action."""
    leaves = not action.comes_in and finding.scanner == "a2a_dlp"
    if settings is None or (leaves and finding.severity is Severity.CRITICAL):
        return Verdict.BLOCK
    return settings.action


def read_a2a(action: Action, settings: A2aSettings) -> tuple[Sort, list[Json], bool]:
    """What `action` is to the protocol, its documents, and whether they are all of it."""
    sort = recognise(_path(action.url), action.content_type, {name for name, _ in action.headers}, action.body)
    if sort is Sort.NONE or (sort is Sort.CARD and not settings.cards):
        return Sort.NONE, [], True
    read, complete = documents(action.body, action.content_type)
    return sort, read, complete


def _path(url: str) -> str:
    try:
        return split_url(url).path
    except UrlError:
        return ""


def inspect_a2a(action: Action, policy: Policy) -> tuple[Finding, ...]:
    """What an A2A message or card holds that its headers and body as such do not show.

    Raises:
        MatcherError: the matcher failed; block.
    """
    settings = policy.a2a
    if settings is None:
        return ()
    sort, read, complete = read_a2a(action, settings)
    if sort is Sort.NONE:
        return ()
    seen = walk(read)
    urls = [*seen.urls, *_extensions(action)]
    texts = [*seen.texts, *(_files(seen.raw, settings.max_raw) if settings.raw else ())]
    found = [*_read(texts, action, policy), *_urls(urls, policy)]
    if seen.exceeded or not complete:
        found.append(_limit("the message is no JSON, nested too deeply, or has too many fields to be read"))
    if len({item.text for item in urls}) > MAX_URLS:
        found.append(_limit(f"the message names more than {MAX_URLS} URLs"))
    if settings.raw and any(len(item.text) > settings.max_raw for item in seen.raw):
        found.append(_limit(f"the message carries a file of more than {settings.max_raw} bytes"))
    return tuple(found)


def _extensions(action: Action) -> Iterable[Item]:
    for name, value in action.headers:
        if name in _EXTENSIONS:
            yield from (Item(f"header:{name}", one.strip()) for one in value.split(",") if "://" in one)


def _files(raw: Sequence[Item], limit: int) -> Iterable[Item]:
    for item in raw:
        if len(item.text) <= limit:
            text = decoded_text(item.text)
            if text:
                yield Item(f"{item.place} (decoded)", text)


def _read(items: Sequence[Item], action: Action, policy: Policy) -> Iterable[Finding]:
    """Secrets and injection in the texts, read one after the other."""
    text = _GAP.join(item.text for item in items)
    if not text:
        return
    for finding in policy.secrets.scan(text, "a2a", host=_host(action)):
        yield _placed(finding, "a2a_dlp", items)
    for finding in policy.injection.scan(text, "a2a"):
        yield _placed(finding, "a2a_injection", items)


def _host(action: Action) -> str:
    # What comes in goes to nobody: no vendor's own key is at home here.
    return action.host.lower() if not action.comes_in else ""


def _placed(finding: Finding, scanner: str, items: Sequence[Item]) -> Finding:
    """The finding with the field it stands in instead of a place in a text that nobody sent."""
    place = "a2a"
    if finding.span is not None:
        at = 0
        for item in items:
            at += len(item.text) + len(_GAP)
            if finding.span.start < at:
                place = item.place
                break
    message = finding.message.replace(" found in a2a", f" found in {place}", 1)
    return msgspec.structs.replace(finding, scanner=scanner, place=place, span=None, message=message)


def _urls(items: Sequence[Item], policy: Policy) -> Iterable[Finding]:
    told: set[tuple[str, str]] = set()
    for url, place in list({item.text: item.place for item in reversed(items)}.items())[:MAX_URLS]:
        for finding in policy.layers.before_dns(url).findings:
            if finding.scanner in _NOT_ASKED or (finding.rule, place) in told:
                continue
            told.add((finding.rule, place))
            scanner = "a2a_dlp" if finding.scanner in _DATA else "a2a_url"
            message = f"a URL in {place}: {finding.message}"
            yield msgspec.structs.replace(finding, scanner=scanner, place=place, span=None, message=message, hard=False)


def _limit(message: str) -> Finding:
    return Finding(scanner="a2a_limit", rule="A2A Limit", severity=Severity.MEDIUM, message=message, place="a2a")


def said_together(seen: Walk) -> str:
    """What the parts of a message say, for a reader who reads on."""
    return " ".join(seen.said)
