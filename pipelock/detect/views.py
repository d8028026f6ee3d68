"""The forms of one text that are scanned together, in one pass of the matcher, and how a hit leads back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Sequence
from itertools import islice
from typing import NamedTuple

from pipelock.detect._trace import origin
from pipelock.detect.decode import Derived
from pipelock.detect.matcher import Hit, Matcher
from pipelock.detect.normalise import fold_text, original_span
from pipelock.model import Span

__all__ = ["SEPARATOR", "Place", "Sighting", "View", "is_utf8", "locate", "sightings", "to_bytes", "view_at"]

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
        folded: It is `fold_text` of the original, or of `derived`, so that offsets lead back.
        derived: What was found in `outer`, of which this is a form.
        outer: The view that `derived` was found in.
    """

    place: Place
    data: bytes
    path: tuple[str, ...] = ()
    joined: bool = False
    folded: bool = False
    derived: Derived | None = None
    outer: View | None = None


class Sighting(NamedTuple):
    """A match of pattern `number` in a view; `hit` counts in the view's bytes."""

    number: int
    view: View
    hit: Hit


def to_bytes(data: bytes | str) -> bytes:
    """UTF-8; lone surrogates, which no valid text has, are kept so that they hide nothing."""
    return data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")


def is_utf8(data: bytes) -> bool:
    """Whether all of `data` is text; lone surrogates count as such."""
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def sightings(
    matcher: Matcher, views: Sequence[View], *, apart: Container[int] = ()
) -> tuple[list[int], list[list[Sighting]]]:
    """Scan all views in one pass.

    Args:
        matcher: The patterns.
        views: What is scanned.
        apart: Patterns whose matches in joined views are not wanted, and not looked for.

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
    single = [view for view in views if not view.joined]
    return proposed, [
        _in_each(matcher, number, single) if number in apart else _of_pattern(matcher, number, whole, views, starts)
        for number in proposed
    ]


def view_at(views: Sequence[View], position: int) -> tuple[View, int]:
    """The view that holds byte `position` of all views joined by `SEPARATOR`, and where it starts there."""
    starts = _starts(views)
    index = bisect_right(starts, position) - 1
    return views[index], starts[index]


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
            return _in_each(matcher, number, views)
        if base:
            hit = Hit(start - base, hit.end - base, hit.inner_start - base, hit.inner_end - base)  # noqa: PLW2901
        found.append(Sighting(number, view, hit))
        if len(found) >= MAX_SIGHTINGS:
            break
    return found


def _in_each(matcher: Matcher, number: int, views: Sequence[View]) -> list[Sighting]:
    """The matches in each view by itself."""
    found = (Sighting(number, view, hit) for view in views for hit in matcher.hits(number, view.data))
    return list(islice(found, MAX_SIGHTINGS))


def locate(view: View, start: int, end: int) -> Span | None:
    """Where bytes `start` to `end` of a view stand in the original: characters of a text, bytes otherwise.

    Of what was decoded this is where the encoded run stands, or the part of it that became the match.
    """
    place = view.place
    if view.folded and view.derived is None and place.text is not None:
        left, right = _unfolded(place.text, view.data, start, end)
        return Span(left, right)
    found = _in_place(view, start, end)
    if found is None or place.text is None or place.text.isascii():
        return None if found is None else Span(*found)
    left = len(place.data[: found[0]].decode("utf-8", "replace"))
    return Span(left, left + len(place.data[found[0] : found[1]].decode("utf-8", "replace")))


def _in_place(view: View, start: int, end: int) -> tuple[int, int] | None:
    """Likewise, always in bytes."""
    match = view.data[start:end]
    found: tuple[int, int] | None = (start, end)
    if view.folded:
        found = _bytes_unfolded(view, start, end)
    if found is not None and view.derived is not None and view.outer is not None:
        above = origin(view.derived, *found)
        return None if above is None else _in_place(view.outer, *above)
    if view.folded or view.data is view.place.data:
        return found
    data = view.place.data
    start = data.find(match) if match else -1
    # Only an unambiguous occurrence can be named.
    return (start, start + len(match)) if start >= 0 and data.find(match, start + 1) < 0 else None


def _unfolded(original: str, folded: bytes, start: int, end: int) -> tuple[int, int]:
    """Characters of `original` that became bytes `start` to `end` of its fold."""
    left = len(folded[:start].decode("utf-8", "replace"))
    return original_span(original, left, left + len(folded[start:end].decode("utf-8", "replace")))


def _bytes_unfolded(view: View, start: int, end: int) -> tuple[int, int] | None:
    source = view.place.data if view.derived is None else view.derived.data
    original = source.decode("utf-8", "replace")
    # Where bytes could not be read, offsets in what was read lead elsewhere.
    if original.encode("utf-8", "surrogatepass") != source or fold_text(original).encode() != view.data:
        return None
    left, right = _unfolded(original, view.data, start, end)
    first = len(original[:left].encode())
    return first, first + len(original[left:right].encode())
