"""The forms of one text that are scanned together, in one pass of the matcher, and how a hit leads back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from pipelock.detect.matcher import Hit, Matcher
from pipelock.detect.normalise import fold_text, original_span
from pipelock.model import Span

__all__ = ["SEPARATOR", "Place", "Sighting", "View", "locate", "sightings", "to_bytes"]

MAX_SIGHTINGS = 100_000
"""Most matches of one pattern that are looked at: validators may turn down many before one holds."""
SEPARATOR = b"\n\x00\n"
"""Stands between views: ends words and lines, so that no edge of a rule sees the neighbour."""


class Place(NamedTuple):
    """Where scanned text came from.

    Attributes:
        name: As findings show it.
        data: The original as bytes.
        text: The original where it came as text; spans are then in characters.
    """

    name: str
    data: bytes
    text: str | None = None


class View(NamedTuple):
    """One form of a place's text.

    Attributes:
        place: The original.
        data: What is scanned.
        path: How it was made, from the outside in.
        joined: Parts were put together that did not stand together: weak rules don't count.
        folded: It is `fold_text` of the original, so that offsets lead back.
    """

    place: Place
    data: bytes
    path: tuple[str, ...] = ()
    joined: bool = False
    folded: bool = False


class Sighting(NamedTuple):
    """A match of pattern `number` in a view; `hit` counts in the view's bytes."""

    number: int
    view: View
    hit: Hit


def to_bytes(data: bytes | str) -> bytes:
    """UTF-8; lone surrogates, which no valid text has, are kept so that they hide nothing."""
    return data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")


def sightings(matcher: Matcher, views: Sequence[View]) -> tuple[list[int], list[list[Sighting]]]:
    """Scan all views in one pass.

    Returns:
        The numbers of the patterns that were proposed, and the matches of each, at most `MAX_SIGHTINGS`, by view order.

    Raises:
        MatcherError: nothing is known about the views.
    """
    if not views:
        return [], []
    whole = views[0].data if len(views) == 1 else SEPARATOR.join([view.data for view in views])
    proposed = matcher.propose(whole)
    if not proposed:
        return [], []
    starts = _starts(views)
    return proposed, [_of_pattern(matcher, number, whole, views, starts) for number in proposed]


def _starts(views: Sequence[View]) -> list[int]:
    starts = []
    position = 0
    for view in views:
        starts.append(position)
        position += len(view.data) + len(SEPARATOR)
    return starts


def _of_pattern(
    matcher: Matcher, number: int, whole: bytes, views: Sequence[View], starts: list[int]
) -> list[Sighting]:
    found: list[Sighting] = []
    # Hits ascend, so the view is looked up only where one ends: hostile text has tens of thousands of them.
    view, base, end = views[0], 0, -1
    for hit in matcher.hits(number, whole):
        start = hit.start
        if start > end:
            index = bisect_right(starts, start) - 1
            view, base = views[index], starts[index]
            end = base + len(view.data)
        if hit.end > end:
            # It ran over the edge of a view and may have swallowed true matches: ask each view alone.
            alone = (Sighting(number, single, one) for single in views for one in matcher.hits(number, single.data))
            return list(islice(alone, MAX_SIGHTINGS))
        if base:
            hit = Hit(start - base, hit.end - base, hit.inner_start - base, hit.inner_end - base)  # noqa: PLW2901
        found.append(Sighting(number, view, hit))
        if len(found) >= MAX_SIGHTINGS:
            break
    return found


def locate(view: View, start: int, end: int) -> Span | None:  # noqa: PLR0911 - one for each kind of view
    """Where bytes `start` to `end` of a view stand in the original: characters of a text, bytes otherwise."""
    place = view.place
    if view.folded:
        original = place.text if place.text is not None else place.data.decode("utf-8", "replace")
        left = len(view.data[:start].decode("utf-8", "replace"))
        right = left + len(view.data[start:end].decode("utf-8", "replace"))
        left, right = original_span(original, left, right)
        if place.text is not None:
            return Span(left, right)
        if fold_text(original).encode("utf-8", "surrogatepass") != view.data:
            return None
        try:
            start = len(original[:left].encode())
            return Span(start, start + len(original[left:right].encode()))
        except UnicodeEncodeError:
            return None
    if view.data is not place.data:
        match = view.data[start:end]
        start = place.data.find(match) if match else -1
        # Only an unambiguous occurrence can be named.
        if start < 0 or place.data.find(match, start + 1) >= 0:
            return None
        end = start + len(match)
    if place.text is not None and not place.text.isascii():
        left = len(place.data[:start].decode("utf-8", "replace"))
        return Span(left, left + len(place.data[start:end].decode("utf-8", "replace")))
    return Span(start, end)
