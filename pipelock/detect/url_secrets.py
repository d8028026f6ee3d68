"""The views of a URL that are searched for secrets, and findings brought back to where the URL holds them.

Always searched: the URL as sent and, where they differ, its final form, the path and values without their
separators, and the host's labels joined. Everything else is made only for URLs that have something encoded or cut up
in them, which few have. All views go to the scanner in one call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from pipelock.detect.entropy import words_share
from pipelock.detect.url_decode import MIN_ENCODED, hidden_texts, may_hide
from pipelock.detect.url_findings import unsearched
from pipelock.detect.url_percent import decode_percent
from pipelock.detect.url_pieces import MIN_SECRET, between_noise, is_cut_up, is_fragment, rejoined, without_noise
from pipelock.detect.url_view import UrlView
from pipelock.model import Finding, Span

__all__ = ["Secrets", "find_secrets", "secret_views"]

_MOST_VIEWS = 32_768
_MOST_JOINED = 512
_MOST_CHARACTERS = 1_048_576
_LONGEST_KEY = 32
_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


class Secrets(Protocol):
    """The scanner of texts that the URL layers use."""

    def scan_values(self, values: Sequence[tuple[str, str]], *, host: str) -> tuple[Finding, ...]:
        """Search `(place, text)` pairs bound for `host`; a finding's place is the pair's.

        A place that ends in `~` says that its text was put together from several: weak rules are not believed there.
        """
        ...


_Path = tuple[str, ...]
_View = tuple[str, str, _Path]
"""Where in the URL, the text to search, and how it was made from what is there."""


def find_secrets(
    view: UrlView, secrets: Secrets, excuses: Callable[[Finding], bool] | None = None
) -> tuple[Finding, ...]:
    """Search every view of the URL; each rule is reported once for each place, what was sent as such first.

    What `excuses` calls harmless where it stands is not taken for the same rule's finding elsewhere. A URL with more in
    it than is searched gets a finding for that.
    """
    views, complete = secret_views(view)
    # The number tells the views of one place apart; the scanner hands it back with the place.
    values = [(_numbered(number, place, path), text) for number, (place, text, path) in enumerate(views)]
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in secrets.scan_values(values, host=view.host.name):
        settled = _settled(view, views, finding)
        key = (settled.scanner, settled.rule, settled.place)
        # Other views of the same text repeat what the URL as sent has shown already.
        if key not in found and not (settled.span is None and _is_known(settled, found, excuses)):
            found[key] = settled
    return tuple(found.values()) if complete else (*found.values(), unsearched())


def _numbered(number: int, place: str, path: _Path) -> str:
    return f"{place}#{number}~" if "joined" in path else f"{place}#{number}"


def _settled(view: UrlView, views: Sequence[_View], finding: Finding) -> Finding:
    place, _, number = finding.place.removesuffix("~").rpartition("#")
    if not (place and number.isdecimal() and int(number) < len(views)):
        return finding
    path = views[int(number)][2]
    settled = msgspec.structs.replace(finding, place=place, path=(*path, *finding.path))
    settled = msgspec.structs.replace(settled, span=None) if path or place != "url" else _located(view, settled)
    # The message may name the place too, and nobody knows it by our number.
    message = finding.message.replace(finding.place, settled.place, 1)
    return msgspec.structs.replace(settled, message=message)


def _is_known(
    finding: Finding, found: dict[tuple[str, str, str], Finding], excuses: Callable[[Finding], bool] | None
) -> bool:
    return any(
        known.rule == finding.rule
        and known.scanner == finding.scanner
        and not (excuses is not None and excuses(known) and not excuses(finding))
        for known in found.values()
    )


class _Collector:
    """Gathers views, none twice, within the limits; and the tokens that are to be decoded at the end."""

    __slots__ = ("full", "joined", "seen", "spent", "tokens", "views")

    def __init__(self) -> None:
        self.views: list[_View] = []
        self.tokens: list[tuple[str, str]] = []
        self.joined: list[tuple[str, str]] = []
        self.seen: set[str] = set()
        self.spent = 0
        self.full = False

    def add(self, place: str, text: str, *path: str) -> None:
        """Search `text`, unless it is a repetition; beyond the limits only note that they were reached."""
        if text in self.seen:
            return
        spent = self.spent + len(text)
        if spent > _MOST_CHARACTERS or len(self.views) >= _MOST_VIEWS:
            self.full = True
            return
        self.spent = spent
        self.seen.add(text)
        self.views.append((place, text, path))

    def offer(self, place: str, text: str) -> None:
        """Decode `text` later, if it could hide another text."""
        if may_hide(text):
            self.tokens.append((place, text))

    def add_joined(self, place: str, text: str) -> None:
        """Search what was put together, and decode it later: the first 512 of such texts."""
        self.add(place, text, "joined")
        if len(self.joined) < _MOST_JOINED and may_hide(text):
            self.joined.append((place, text))


def secret_views(view: UrlView) -> tuple[list[_View], bool]:
    """The texts to search, and whether that is all: at most 32 768 and 1 Mi characters are made, plain ones first."""
    views = _Collector()
    views.add("url", view.url)
    if "%" in view.url:
        views.add("url", view.parts.decoded.text, "percent")
    if len(view.labels) > 2:
        _add_host(view, views)
    if len(view.path) > MIN_ENCODED:
        _add_path(view, views)
    if view.query:
        _add_query(view, views)
    if view.fragment or view.userinfo:
        _add_edges(view, views)
    _add_across(view, views)
    for place, token in (*views.tokens, *views.joined):
        for path, text in hidden_texts(token):
            views.add(place, text, *path)
            views.add(place, without_noise(text), *path, "joined")
    return views.views, not views.full


def _add_host(view: UrlView, views: _Collector) -> None:
    labels = view.labels
    for label in labels[:-1]:
        views.offer("url:host", label)
    # How many labels the registered name takes is not asked here: with two and with three left off.
    for kept in (labels[:-2], labels[:-3]):
        joined = "".join(kept)
        if len(kept) > 1 and len(joined) >= MIN_SECRET:
            views.add_joined("url:host", joined)


def _add_path(view: UrlView, views: _Collector) -> None:
    segments = view.segments
    for segment in segments:
        views.offer("url:path", segment)
    for text in rejoined(segments):
        views.add_joined("url:path", text)
    for segment in segments:
        _add_without_noise(views, "url:path", segment)


def _add_query(view: UrlView, views: _Collector) -> None:
    parameters = view.parameters
    for parameter in parameters:
        if len(parameter.value) >= MIN_ENCODED:
            _add_part(views, _place(parameter.key), parameter.raw_value, parameter.value)
        if len(parameter.key) >= MIN_ENCODED:
            _add_part(views, "url:query", parameter.raw_key, parameter.key)
    if len(parameters) < 2:
        return
    keys = [parameter.key for parameter in parameters]
    for text in rejoined([parameter.value for parameter in parameters], keys):
        views.add_joined("url:query", text)
    if any(map(is_fragment, keys)):
        for text in rejoined(keys):
            views.add_joined("url:query", text)
        both = "".join([parameter.key + parameter.value for parameter in parameters])
        views.add("url:query", without_noise(both), "joined")


def _add_across(view: UrlView, views: _Collector) -> None:
    """What the parts of the URL say together, in wire order: a secret may be cut at any delimiter."""
    if not (view.query or view.fragment or view.userinfo or ";" in view.path or "=" in view.path):
        return
    pieces = decode_percent(view.userinfo).text.split(":") if view.userinfo else []
    for segment in view.segments:
        pieces += (
            segment.replace("=", ";").replace(",", ";").split(";") if ";" in segment or "=" in segment else [segment]
        )
    for parameter in view.parameters:
        pieces += [parameter.key, parameter.value]
    if view.fragment:
        pieces += decode_percent(view.fragment).text.replace("&", "=").split("=")
    # Most URLs have no two parts of which a key could be made.
    if sum(map(is_fragment, pieces)) > 1:
        for text in rejoined(pieces):
            views.add_joined("url", text)


def _add_part(views: _Collector, place: str, raw: str, text: str) -> None:
    views.offer(place, text)
    if text != raw:
        views.add(place, text, "percent")
    _add_without_noise(views, place, text)


def _add_without_noise(views: _Collector, place: str, text: str) -> None:
    if len(text) < MIN_SECRET:
        return
    bare = without_noise(text)
    if bare != text and is_cut_up(between_noise(text)):
        views.add_joined(place, bare)


def _add_edges(view: UrlView, views: _Collector) -> None:
    for place, raw in (("url:userinfo", view.userinfo), ("url:fragment", view.fragment)):
        if len(raw) < MIN_ENCODED:
            continue
        text = decode_percent(raw).text
        _add_part(views, place, raw, text)
        for piece in text.replace("&", "=").replace(":", "=").replace("/", "=").split("="):
            views.offer(place, piece)


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
