"""The way back: where in a text that was decoded stands what became a match.

Of a run that was decoded this is the run. Where a whole text was respelled (`%41` for `A`) it is the part of it that
gives exactly the match when it is respelled alone; where none does, the stretch of at most a few hundred bytes around
it. Linear in the text for the first match in it, after that in the stretch; only asked for what is reported.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple

from pipelock.detect._glued import glued_run
from pipelock.detect.decode import Derived, Undo, reversed_

__all__ = ["origin"]

_STRETCH = 512
_LONGEST_STRETCH = 4_096
_PADDING = 6
_NEAR = 48
_SIGNS = (b"\n", b" ", b'"', b"%", b"&", b"\\", b"=")
Range = tuple[int, int]


class _Stretches(NamedTuple):
    """A text and how it was respelled, and where each stretch starts in it before and after."""

    data: bytes
    changed: bytes
    undo: Undo
    before: list[int]
    after: list[int]


def origin(derived: Derived, start: int, end: int) -> Range | None:
    """Where in the outermost text stands what became bytes `start` to `end` of `derived`; `None` if it can't be told.

    It can't where the same run stands there twice, or runs were put together.
    """
    found: Range | None = (start, end)
    while derived.parent is not None and found is not None:
        found = _above(derived, derived.parent, *found)
        derived = derived.parent
    return found


def _above(derived: Derived, parent: Derived, start: int, end: int) -> Range | None:
    if derived.run:
        return _run_in(derived, parent.data)
    if derived.undo is not None:
        return _respelled_in(derived, parent.data, derived.undo, start, end)
    run = glued_run(parent.data, derived.data[start:end])
    return _only(parent.data, run)


def _run_in(derived: Derived, data: bytes) -> Range | None:
    if derived.undo is None:
        return _only(data, derived.run)
    changed = derived.undo(data)
    found = _only(changed, derived.run)
    if found is None:
        return None
    stretches = _stretches_of(data, changed, derived.undo)
    return None if stretches is None else _narrowed(stretches, *found)


def _only(data: bytes, run: bytes) -> Range | None:
    at = data.find(run) if run else -1
    if at < 0 or data.find(run, at + 1) >= 0:
        return None
    end = at + len(run)
    # Padding belongs to it.
    return at, end + len(data[end : end + _PADDING]) - len(data[end : end + _PADDING].lstrip(b"="))


def _respelled_in(derived: Derived, data: bytes, undo: Undo, start: int, end: int) -> Range | None:
    if len(data) == len(derived.data):
        return (len(data) - end, len(data) - start) if undo is reversed_ else (start, end)
    if "stretches" not in derived.memo:
        derived.memo["stretches"] = _stretches_of(data, derived.data, undo)
    stretches: _Stretches | None = derived.memo["stretches"]
    return None if stretches is None else _narrowed(stretches, start, end)


def _stretches_of(data: bytes, changed: bytes, undo: Undo) -> _Stretches | None:
    """Cut `data` so that each piece can be respelled alone; `None` where no such cuts are found."""
    before, after = [0], [0]
    out: list[bytes] = []
    at = 0
    while at < len(data):
        cut = _cut(data, at + _STRETCH)
        piece = undo(data[at:cut])
        out.append(piece)
        at = cut
        before.append(at)
        after.append(after[-1] + len(piece))
    return _Stretches(data, changed, undo, before, after) if b"".join(out) == changed else None


def _cut(data: bytes, at: int) -> int:
    """A place at or after `at` where a notation can't be under way: before a line end, a space, or else its sign."""
    end = at + _LONGEST_STRETCH
    for sign in _SIGNS:
        found = data.find(sign, at, end)
        # An escaped sign belongs to what stands before it.
        if found > 0 and data[found - 1 : found] not in (b"\\", b"=", b"%"):
            return found
    return min(end, len(data))


def _narrowed(stretches: _Stretches, start: int, end: int) -> Range:
    """The smallest part of the stretches around a match that gives it."""
    first = bisect_right(stretches.after, start) - 1
    last = bisect_left(stretches.after, max(end, start + 1))
    left, right = stretches.before[first], stretches.before[last]
    part = stretches.data[left:right]
    undo = stretches.undo
    base = stretches.after[first]
    match = stretches.changed[start:end]
    sizes = range(len(part) + 1)
    # Respelling more gives more, but for a notation that is cut: so halving finds each edge nearly.
    near = bisect_left(sizes, end - base, key=lambda size: len(undo(part[:size])))
    whole = stretches.changed[base:end]
    stop = _first(range(near - _NEAR, near + _NEAR), len(part), lambda at: undo(part[:at]) == whole)
    if stop is None:
        return left, right
    near = bisect_left(sizes, start - base, key=lambda size: len(undo(part[:size])))
    begin = _first(range(near + _NEAR, near - _NEAR, -1), stop, lambda at: undo(part[at:stop]) == match)
    return (left, right) if begin is None else (left + begin, left + stop)


def _first(places: range, last: int, fits: Callable[[int], bool]) -> int | None:
    return next((at for at in places if 0 <= at <= last and fits(at)), None)
