"""The content scan: headers and body of one action, against one policy. Pure, so a thread may do it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from pipelock.detect.addresses import HostError, fold_host
from pipelock.detect.binary import searchable
from pipelock.detect.fields import joined_pairs
from pipelock.detect.media import visible_text
from pipelock.engine.a2a import inspect_a2a
from pipelock.engine.facts import Content
from pipelock.engine.media import MediaResult
from pipelock.engine.redact import RedactionResult
from pipelock.model import Action, Finding, Kind, ScanKind, Verdict

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["folded", "inspect_content", "leaving"]


def inspect_content(action: Action, policy: Policy) -> Content:
    """What the scanners find in the parts of `action` that are not its URL, suppressed or not.

    Raises:
        MatcherError: the matcher failed; the caller must block.
    """
    match action.kind:
        case Kind.REQUEST | Kind.CONNECT:
            return _outbound(action, policy)
        case Kind.RESPONSE:
            return _inbound(action, policy)
        case Kind.PIECE | Kind.EVENT | Kind.MESSAGE:
            return _part(action, policy)
        case Kind.SCAN:
            findings = _asked(action, policy)
        case _:
            findings = ()
    return Content(findings, policy.hash)


_DATES = frozenset({"date", "expires", "last-modified"})
_TAGS = frozenset({"age", "content-length", "etag"})
_LONGEST_TAG = 44
"""Characters of a UUID in quotation marks and more; what is longer may be words with hyphens between them."""
_TELLING_NAME = 24
"""Characters of a header's name in which an order could stand."""


def folded(host: str) -> str:
    """`host` in the one spelling that host lists know; text that is no host is in no list."""
    try:
        return fold_host(host).name
    except HostError:
        return ""


def _outbound(action: Action, policy: Policy) -> Content:
    found: tuple[Finding, ...] = ()
    host = folded(action.host)
    if policy.scan_headers:
        found = _headers(action, policy, host)
    redacted = policy.redaction.apply(action) if policy.redaction is not None else RedactionResult()
    found += redacted.findings
    body = action.body if redacted.body is None else redacted.body
    if policy.scan_bodies and body and not redacted.findings:
        found += leaving(body, "body", policy, host=host, content_type=action.content_type)
    if policy.a2a is not None and not redacted.findings:
        told = {finding.rule for finding in found}
        sent = action if redacted.body is None else msgspec.structs.replace(action, body=redacted.body)
        # What the body as a whole has shown already is not told again.
        found += tuple(f for f in inspect_a2a(sent, policy) if f.scanner != "a2a_dlp" or f.rule not in told)
    return Content(found, policy.hash, redacted.body, dict(redacted.counts))


def _part(action: Action, policy: Policy) -> Content:
    """More of something that was judged when it began: its headers, its URL and what it is are known."""
    found = _part_in(action, policy) if action.comes_in else _part_out(action, policy)
    if not found.findings or not (action.seen or action.told):
        return found
    news = [one for one in _news(found.findings, action.seen) if not _is_told(one, action, policy)]
    return msgspec.structs.replace(found, findings=tuple(news))


def _part_in(action: Action, policy: Policy) -> Content:
    found: tuple[Finding, ...] = ()
    if action.kind is not Kind.MESSAGE or policy.scan_messages:
        found = _ordering(action.body, policy, action.content_type)
    if not policy.scan_responses or folded(action.host) in policy.response_exempt:
        found = tuple(finding for finding in found if finding.scanner == "core_response")
    if action.kind is not Kind.PIECE:
        found += inspect_a2a(action, policy)
    if action.kind is Kind.EVENT:
        # A model that was made to repeat a key puts it where a page, or another tool, reads it.
        found += leaving(action.body, "body", policy, host=folded(action.host), content_type=action.content_type)
    return Content(found, policy.hash)


def _part_out(action: Action, policy: Policy) -> Content:
    if action.kind is Kind.MESSAGE:
        if not policy.scan_messages:
            return Content((), policy.hash)
        if not action.seen:
            return _outbound(msgspec.structs.replace(action, headers=()), policy)
        # Judged by itself, and redacted, it was before: this is about what it completes.
    found = leaving(action.body, "body", policy, host=folded(action.host), content_type=action.content_type)
    return Content(found if policy.scan_bodies else (), policy.hash)


def _news(findings: tuple[Finding, ...], seen: int) -> tuple[Finding, ...]:
    """Without what lies in the part that was judged before and has gone on."""
    return tuple(one for one in findings if one.span is None or one.span.end > seen)


def _is_told(finding: Finding, action: Action, policy: Policy) -> bool:
    """Whether it is one more of what passes with a warning, of which one was enough."""
    if finding.rule not in action.told or finding.hard:
        return False
    return not policy.enforce or policy.verdict_for(action, finding) is Verdict.WARN


def _asked(action: Action, policy: Policy) -> tuple[Finding, ...]:
    """What an action of kind `SCAN` asks to be searched; its text is its body."""
    # The asker's name goes into the record, so it is searched too.
    named = policy.secrets.scan_values([("header:x-pipelock-agent", action.agent)]) if action.agent else ()
    return named + _asked_text(action, policy)


def _asked_text(action: Action, policy: Policy) -> tuple[Finding, ...]:
    match action.scan:
        case ScanKind.DLP | ScanKind.TOOL_CALL:
            found = leaving(action.body, "text", policy, content_type=action.content_type)
            if action.scan is ScanKind.TOOL_CALL:
                # A call that was talked into the agent carries the words that did it.
                found += policy.injection.scan(action.body, "text", action.content_type)
            return found
        case ScanKind.PROMPT_INJECTION:
            return policy.injection.scan(action.body, "text", action.content_type, value=True)
        case _:
            return ()


def leaving(
    data: bytes | str, place: str, policy: Policy, *, host: str = "", content_type: str = ""
) -> tuple[Finding, ...]:
    """What must not leave the machine in one text: the one list of scanners for bodies, scans and files.

    Raises:
        MatcherError: the matcher failed; block.
    """
    if place != "body" or isinstance(data, str):
        return policy.secrets.scan(data, place, host=host, content_type=content_type)
    read = searchable(data, content_type)
    return _placed(policy.secrets.scan(read, place, host=host, content_type=content_type), moved=read is not data)


def _ordering(data: bytes, policy: Policy, content_type: str) -> tuple[Finding, ...]:
    """What in a body tries to give orders."""
    read = searchable(data, content_type)
    return _placed(policy.injection.scan(read, "body", content_type), moved=read is not data)


def _placed(found: tuple[Finding, ...], *, moved: bool) -> tuple[Finding, ...]:
    """Findings in what was read; `moved`: that does not stand in the body as it was read."""
    return tuple([msgspec.structs.replace(finding, span=None) for finding in found]) if moved else found


def _headers(action: Action, policy: Policy, host: str) -> tuple[Finding, ...]:
    pairs = [(name, value) for name, value in action.headers if policy.scans_header(name)]
    if not pairs:
        return ()
    digest = policy.cleared.digest(host, pairs)
    if digest in policy.cleared:
        return ()
    chosen = [(f"header:{name}", value) for name, value in pairs]
    if len(pairs) > 1:
        # A secret cut into several headers is whole again only when they are joined.
        chosen.append(("headers", "".join(value for _, value in pairs)))
    # A name carries data as well as a value does, and so does a value together with its name.
    chosen.append(("headers", "\n".join(name for name, _ in pairs)))
    chosen.append(("headers", "\n".join(f"{name}={value}" for name, value in pairs)))
    found = policy.secrets.scan_values(chosen, host=host)
    cut = [("headers", one) for one in _cut_pairs(pairs)]
    if cut:
        found += policy.secrets.scan_joined(cut, host=host, decoded=True)
    if not found:
        policy.cleared.add(digest)
        return ()
    # What stands in one header is not told again for the joined ones.
    told = {f.rule for f in found if f.place != "headers" and not policy.suppressions.looks_at_fields(f.rule)}
    kept: list[Finding] = []
    for finding in found:
        if finding.place != "headers":
            kept.append(finding)
        elif finding.rule not in told:
            told.add(finding.rule)
            kept.append(finding)
    return tuple(kept)


def _cut_pairs(pairs: list[tuple[str, str]]) -> list[str]:
    """What the values of cookies, and of parameters in headers, say together; a cookie may have a header of its own."""
    values = ";".join([value for _, value in pairs if "=" in value])
    joined = [one.decode("utf-8", "surrogatepass") for one in joined_pairs(values.encode("utf-8", "surrogatepass"))]
    return [plain for one in dict.fromkeys(joined) for plain in dict.fromkeys((one, unquote(one)))]


def _response_headers(action: Action, policy: Policy) -> tuple[Finding, ...]:
    """Some agents show their model the headers, so they are read like the body; plain dates and tags are not."""
    values = [
        (name, value)
        for name, value in action.headers
        if not (name in _DATES and len(value) <= 29)
        and not (name in _TAGS and len(value) <= _LONGEST_TAG and " " not in value)
    ]
    if not values:
        return ()
    digest = policy.cleared.digest("", values)
    if digest in policy.cleared:
        return ()
    texts = [value for _, value in values]
    texts += [name for name, _ in values if len(name) >= _TELLING_NAME]
    found = policy.injection.scan("\n".join(texts), "headers")
    if not found:
        policy.cleared.add(digest)
    return found


def _inbound(action: Action, policy: Policy) -> Content:
    media = policy.media.judge(action) if policy.media is not None else MediaResult()
    seen = media.findings + inspect_a2a(action, policy)
    read = _response_headers(action, policy)
    if action.body:
        found = _orders(action.body, media, action, policy)
        if media.texts:
            found += policy.injection.scan(visible_text(media.texts), "body")
        read += found if media.body is None else _remaining(media, found, action, policy)
    if not policy.scan_responses or folded(action.host) in policy.response_exempt:
        # Neither a switch nor trust in a host takes the core away.
        read = tuple(f for f in read if f.scanner == "core_response")
    return Content(seen + read, policy.hash, media.body)


def _orders(body: bytes, media: MediaResult, action: Action, policy: Policy) -> tuple[Finding, ...]:
    """Instructions in `body`. Of a picture only what can be read is searched: its pixels are noise, and costly."""
    if not media.binary:
        return _ordering(body, policy, action.content_type)
    return _placed(policy.injection.scan(visible_text(body), "body"), moved=True)


def _remaining(media: MediaResult, before: tuple[Finding, ...], action: Action, policy: Policy) -> tuple[Finding, ...]:
    """What is found in the body that goes on; of what was found `before` and is gone now, that it was there."""
    left = _orders(media.body or b"", media, action, policy)
    told = {finding.rule for finding in left}
    gone: list[Finding] = []
    for finding in before:
        if finding.rule not in told:
            told.add(finding.rule)
            message = f"{finding.message}, which was taken out"
            gone.append(
                msgspec.structs.replace(finding, message=message, place="media", span=None, warns=True, hard=False)
            )
    return (*left, *gone)
