"""Unbroken stretches of characters of one kind, without a matcher: hostile text has tens of thousands of them.

A matcher costs several microseconds for each stretch that it reports, and noise has one every few bytes. Here the
text is turned into marks (1 for a character of the kind, 0 for any other) and as many 1s as a stretch needs are looked
for, or, where gaps are few, the text is split at them. Either way short stretches cost next to nothing each.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["TEXT", "Kind", "marked_spans"]

_DENSE = 16


class Kind:
    """A set of byte values, of which stretches are looked for. Immutable, and safe to share between threads.

    Args:
        signs: The values; at least one of the 256 must be left out.
    """

    def __init__(self, signs: bytes) -> None:
        self.signs = signs
        self.marks = bytes(code in signs for code in range(256))
        """To be given to `bytes.translate`: 1 for a value of the kind, 0 for any other."""
        gap = next(code for code in range(256) if code not in signs)
        self._gap = bytes([gap])
        self._apart = bytes(code if code in signs else gap for code in range(256))

    def runs(self, data: bytes, least: int) -> list[bytes]:
        """The stretches of `data` that have `least` bytes or more, in order. Linear."""
        if len(data.translate(None, self.signs)) * _DENSE <= len(data):
            return [run for run in data.translate(self._apart).split(self._gap) if len(run) >= least]
        return [data[start:end] for start, end in self.spans(data, least)]

    def spans(self, data: bytes, least: int) -> Iterator[tuple[int, int]]:
        """Where such stretches start and end. Linear."""
        return marked_spans(data.translate(self.marks), least)


def marked_spans(marks: bytes, least: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each stretch of `least` or more 1s among bytes that are 0 or 1. Linear."""
    wanted = b"\1" * least
    start = marks.find(wanted)
    while start >= 0:
        end = marks.find(b"\0", start + least)
        if end < 0:
            end = len(marks)
        yield start, end
        start = marks.find(wanted, end + 1)


TEXT = Kind(b"\t\n\r" + bytes(range(32, 127)))
"""Printable ASCII, tabs and line ends."""
