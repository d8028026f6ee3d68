"""What two forms of one text share, so that a search of the second may leave it out.

Most forms of a large text are that text again with a few characters spelled otherwise. What is told here is exact
where it matters: a byte is left out only if all that stands within a margin around it, byte for byte and in one piece,
stands in the other form too. Which of the shared pieces are noticed is a matter of speed alone.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["SMALLEST", "Seen", "news_of", "unshared"]

SMALLEST = 8_192
"""Bytes of a text for which looking for shared pieces is worth the while."""
_EVERY = 1_024
"""One change for so many bytes is followed, no more: where there are as many, little is shared."""
_PATIENCE = 8
"""Changes after which half of what was compared must have been shared for the comparison to go on."""
_SKIPS = (16, 64, 256, 1_024, 4_096)
"""How far behind a change of the known text one looks for what stands in the other again."""
_CUT = 16_384
"""How much that was cut out of the known text in one place one looks beyond."""
_PROBE = 64
_SURE = 128
"""Bytes that must be the same behind a change."""
_STEP = 65_536
_ENOUGH = 4
"""Where less than this part of a text is new no other text is compared with it."""


class Seen:
    """Tells of texts, one after the other, what the ones before them did not have. For one scan, by one thread.

    Args:
        margin: As of `unshared`.
    """

    def __init__(self, margin: int) -> None:
        self._margin = margin
        self._past: list[bytes] = []

    def news(self, data: bytes) -> list[tuple[int, int]]:
        """The ranges of `data` that are not shared with a text before it; the whole of a small one."""
        best = [(0, len(data))] if data else []
        if len(data) < SMALLEST:
            return best
        for known in reversed(self._past):
            ranges = unshared(data, known, self._margin)
            if _total(ranges) < _total(best):
                best = ranges
            if _total(best) < len(data) // _ENOUGH:
                break
        # Most forms are made of the one before them, or of the first.
        self._past = [*self._past[:1], *self._past[1:][-1:], data]
        return best


def news_of(texts: Sequence[bytes], margin: int) -> list[list[tuple[int, int]]]:
    """Of each text the ranges that are not shared with one before it; `margin` as of `unshared`."""
    if len(texts) == 1:
        return [[(0, len(texts[0]))]]
    seen = Seen(margin)
    return [seen.news(text) for text in texts]


def _total(ranges: list[tuple[int, int]]) -> int:
    return sum(end - start for start, end in ranges)


def unshared(data: bytes, known: bytes, margin: int) -> list[tuple[int, int]]:
    """The ranges of `data` that are not shared, ascending and apart; the whole of it where nothing is noticed.

    Every byte outside them stands in a piece that `known` holds as well and that reaches `margin` bytes to either
    side of it, or to an end of both texts. Linear.
    """
    ranges: list[tuple[int, int]] = []
    told = start = other = gained = 0
    for changes in range(len(data) // _EVERY + 1):
        if changes > _PATIENCE and 2 * gained < start:
            break
        size = _common(data, start, known, other)
        left = start + margin if start or other else 0
        start, other = start + size, other + size
        right = len(data) if start == len(data) and other == len(known) else start - margin
        if right > left:
            if left > told:
                ranges.append((told, left))
            gained += right - left
            told = right
        again = _resumed(data, start, known, other)
        if again is None:
            break
        start, other = again
    if told < len(data):
        ranges.append((told, len(data)))
    return ranges


def _common(data: bytes, start: int, known: bytes, other: int) -> int:
    """How many bytes are the same from `start` and `other` on."""
    limit = min(len(data) - start, len(known) - other)
    size, step, grows = 0, 256, True
    while size < limit and step:
        step = min(step, limit - size)
        left, right = start + size, other + size
        if data[left : left + step] == known[right : right + step]:
            size += step
            step = min(2 * step, _STEP) if grows else step // 2
        else:
            grows = False
            step //= 2
    return size


def _resumed(data: bytes, start: int, known: bytes, other: int) -> tuple[int, int] | None:
    """Where both texts go on alike behind a change, or `None`."""
    for at in (start, start + _PROBE):
        # Something was cut out, or stands there in few words.
        probe = data[at : at + _PROBE]
        ahead = known.find(probe, other, other + _CUT) if len(probe) == _PROBE else -1
        if ahead >= 0 and data[at : at + _SURE] == known[ahead : ahead + _SURE]:
            return at, ahead
    for skip in _SKIPS:
        ahead = other + skip
        probe = known[ahead : ahead + _PROBE]
        if len(probe) < _PROBE:
            return None
        at = data.find(probe, start, start + 2 * skip + 2 * _PROBE)
        if at >= 0 and data[at : at + _SURE] == known[ahead : ahead + _SURE]:
            return at, ahead
    return None
