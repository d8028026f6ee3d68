"""The views of a URL that are searched for secrets, and findings brought back to where the URL holds them.

Always searched: the URL as sent and, where they differ, its final form, the path and values without their
separators, and the host's labels joined. Everything else is made only for URLs that have something encoded or cut up
in them, which few have. All views go to the scanner in one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from pipelock.detect.entropy import words_share
from pipelock.detect.url_decode import MIN_ENCODED, hidden_texts
from pipelock.detect.url_percent import decode_percent
from pipelock.detect.url_pieces import MIN_SECRET, is_fragment, rejoined, without_noise
from pipelock.detect.url_view import UrlView
from pipelock.model import Finding, Span

__all__ = ["Secrets", "find_secrets", "secret_views"]

_MOST_VIEWS = 8_192
_MOST_TOKENS = 512
_MOST_CHARACTERS = 524_288
_LONGEST_KEY = 32
_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class Secrets(Protocol):
    """The scanner of texts that the URL layers use."""

    def scan_values(self, values: Sequence[tuple[str, str]], *, host: str) -> tuple[Finding, ...]:
        """Search `(place, text)` pairs bound for `host`; a finding's place is the pair's."""
        ...


class _View(msgspec.Struct, frozen=True):
    """One text to search: where it is in the URL, and how it was made from what is there."""

    place: str
    text: str
    path: tuple[str, ...] = ()


def find_secrets(view: UrlView, secrets: Secrets) -> tuple[Finding, ...]:
    """Search every view of the URL; each rule is reported once for each place, what was sent as such first."""
    views = tuple(secret_views(view))
    # The number keeps views apart that show the same place; the scanner only repeats the text to us.
    values = [(f"{item.place}#{number}", item.text) for number, item in enumerate(views)]
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in secrets.scan_values(values, host=view.host.name):
        place, _, number = finding.place.rpartition("#")
        item = views[int(number)] if number.isdigit() and int(number) < len(views) else None
        if item is None or not place:
            settled = finding
        elif item.path or item.place != "url":
            settled = msgspec.structs.replace(finding, place=place, span=None, path=(*item.path, *finding.path))
        else:
            settled = _located(view, msgspec.structs.replace(finding, place=place))
        key = (settled.scanner, settled.rule, settled.place)
        # Other views of the same text repeat what the URL as sent has shown already.
        if key not in found and not (settled.span is None and _is_known(settled, found)):
            found[key] = settled
    return tuple(found.values())


def _is_known(finding: Finding, found: dict[tuple[str, str, str], Finding]) -> bool:
    return any(known.rule == finding.rule and known.scanner == finding.scanner for known in found.values())


def secret_views(view: UrlView) -> Iterator[_View]:
    """The texts to search, none twice: at most 8 192 and 512 Ki characters, the plain ones first."""
    seen: set[str] = set()
    spent = 0
    for item in _views(view):
        if item.text in seen:
            continue
        spent += len(item.text)
        if len(seen) >= _MOST_VIEWS or spent > _MOST_CHARACTERS:
            return
        seen.add(item.text)
        yield item


def _views(view: UrlView) -> Iterator[_View]:
    yield _View("url", view.url)
    if "%" in view.url:
        yield _View("url", view.parts.decoded.text, ("percent",))
    if view.fragment and "%" in view.fragment:
        yield _View("url:fragment", decode_percent(view.fragment).text, ("percent",))
    tokens: list[tuple[str, str]] = []
    yield from _host_views(view, tokens)
    yield from _path_views(view, tokens)
    if view.query:
        yield from _query_views(view, tokens)
    if view.fragment or view.userinfo:
        yield from _edge_views(view, tokens)
    for place, token in tokens[:_MOST_TOKENS]:
        for path, text in hidden_texts(token):
            yield _View(place, text, path)
            bare = without_noise(text)
            if bare != text:
                yield _View(place, bare, (*path, "joined"))


def _host_views(view: UrlView, tokens: list[tuple[str, str]]) -> Iterator[_View]:
    labels = view.labels
    if len(labels) < 3:
        return
    yield from _labels_joined(labels, tokens)
    _offer(tokens, "url:host", *labels[:-1])


def _labels_joined(labels: Sequence[str], tokens: list[tuple[str, str]]) -> Iterator[_View]:
    # Which labels belong to the sender is not asked here: two, three or none are left off.
    for kept in (labels[:-2], labels[:-3], labels):
        joined = "".join(kept)
        if len(kept) > 1 and len(joined) >= MIN_SECRET:
            yield _View("url:host", joined, ("joined",))
            if kept is not labels:
                _offer(tokens, "url:host", joined)


def _path_views(view: UrlView, tokens: list[tuple[str, str]]) -> Iterator[_View]:
    path = view.decoded_path
    if len(path) <= MIN_ENCODED:
        return
    segments = view.segments
    if len(path) >= MIN_SECRET:
        joined = without_noise(path)
        yield _View("url:path", joined, ("joined",))
        if len(segments) > 1:
            for text in rejoined(segments):
                yield _View("url:path", text, ("joined",))
                _offer(tokens, "url:path", text)
    _offer(tokens, "url:path", *segments)


def _query_views(view: UrlView, tokens: list[tuple[str, str]]) -> Iterator[_View]:
    parameters = view.parameters
    for parameter in parameters:
        place = _place(parameter.key)
        for raw, text in ((parameter.raw_key, parameter.key), (parameter.raw_value, parameter.value)):
            if len(text) < MIN_ENCODED:
                continue
            if text != raw:
                yield _View(place, text, ("percent",))
            if len(text) >= MIN_SECRET:
                bare = without_noise(text)
                if bare != text:
                    yield _View(place, bare, ("joined",))
                    _offer(tokens, place, bare)
            _offer(tokens, place, text)
    if len(parameters) < 2:
        return
    keys = [parameter.key for parameter in parameters]
    for text in rejoined([parameter.value for parameter in parameters], keys):
        yield _View("url:query", text, ("joined",))
        _offer(tokens, "url:query", text)
    if any(is_fragment(key) for key in keys):
        for text in rejoined(keys):
            yield _View("url:query", text, ("joined",))
        both = without_noise("".join(parameter.key + parameter.value for parameter in parameters))
        yield _View("url:query", both, ("joined",))


def _edge_views(view: UrlView, tokens: list[tuple[str, str]]) -> Iterator[_View]:
    for place, raw in (("url:userinfo", view.userinfo), ("url:fragment", view.fragment)):
        if len(raw) < MIN_ENCODED:
            continue
        text = decode_percent(raw).text
        _offer(tokens, place, text, *text.replace("&", "=").replace(":", "=").replace("/", "=").split("="))
        bare = without_noise(text)
        if bare != text:
            yield _View(place, bare, ("joined",))


def _offer(tokens: list[tuple[str, str]], place: str, *texts: str) -> None:
    """Note those of `texts` that could hide another text: long enough, and not a word."""
    tokens.extend(
        (place, text)
        for text in texts
        if len(text) >= MIN_ENCODED and not (text.isalpha() and (text.islower() or text.istitle()))
    )


def _place(key: str) -> str:
    """A parameter's place, naming it only if the name can't itself be what leaks."""
    if 0 < len(key) <= _LONGEST_KEY and _KEY.issuperset(key) and (len(key) < MIN_ENCODED or words_share(key) >= 0.5):
        return f"url:query:{key}"
    return "url:query"


def _located(view: UrlView, finding: Finding) -> Finding:
    """Name the part of the URL that the match lies in, with the span counted from that part's start."""
    span = finding.span
    if span is None:
        return finding
    sent = len(view.parts.sent)
    query = sent - len(view.query)
    path = view.parts.sent.find("/", len(view.scheme) + 3)
    if span.start > sent:
        return _moved(finding, "url:fragment", sent + 1)
    if view.query and span.start >= query:
        start = max(view.query.rfind("&", 0, span.start - query), view.query.rfind(";", 0, span.start - query)) + 1
        key, equals, _ = view.query[start:].partition("=")
        value = start + len(key) + 1
        if equals and span.start - query >= value:
            return _moved(finding, _place(key), query + value)
        return finding
    if 0 <= path <= span.start:
        return _moved(finding, "url:path", path)
    return finding


def _moved(finding: Finding, place: str, by: int) -> Finding:
    span = finding.span
    if span is None:
        return finding
    return msgspec.structs.replace(finding, place=place, span=Span(span.start - by, span.end - by))
