"""Unbroken stretches of characters of one kind, without a matcher: hostile text has tens of thousands of them.

A matcher costs several microseconds for each stretch that it reports, and noise has one every few bytes. Here the
text is turned into marks (1 for a character of the kind, 0 for any other) and as many 1s as a stretch needs are looked
for, or, where gaps are few, the text is split at them. Either way short stretches cost next to nothing each.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["TEXT", "Kind", "is_noise", "marked_spans", "strings"]

_DENSE = 16
_SHORTEST = 8
_SMALL = 4_096
_CONTROLS = bytes(code in (*range(1, 9), *range(14, 27), *range(28, 32)) for code in range(256))
_HIGH = bytes(code > 127 for code in range(256))
_CONTROL_SHARE = 32
_HIGH_SHARE = 8


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
        self._united = bytes(signs[0] if code in signs else code for code in range(256))

    def runs(self, data: bytes, least: int) -> list[bytes]:
        """The stretches of `data` that have `least` bytes or more, in order. Linear."""
        marks = data.translate(self.marks)
        gaps = len(data) - int.from_bytes(marks, "little").bit_count()
        if gaps * _DENSE <= len(data):
            return [run for run in data.translate(self._apart).split(self._gap) if len(run) >= least]
        return [data[start:end] for start, end in marked_spans(marks, least)]

    def without(self, data: bytes) -> bytes:
        """`data` without the bytes of the kind; the same object where it has none. Linear."""
        marks = data.translate(self.marks)
        if b"\1" not in marks:
            return data
        if int.from_bytes(marks, "little").bit_count() * _DENSE > len(data):
            return data.translate(None, self.signs)
        # To leave out single bytes costs ten times as much as to copy what stands between a few of them.
        return b"".join(data.translate(self._united).split(self.signs[:1]))

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


def is_noise(data: bytes) -> bool:
    """Whether `data` is compressed, encrypted or a picture: 4 KiB or more that are no UTF-8, with many odd bytes.

    Odd are control characters (a 32nd of it; zeros, which UTF-16 has, escapes and line ends don't count) and bytes
    above ASCII (an eighth). Text, in whatever encoding, has few of the first.
    """
    if len(data) < _SMALL:
        return False
    # Every seventh byte tells as much as all of them; numbers of two, three, four or eight bytes show each of theirs.
    sample = data[::7]
    if _count(sample, _CONTROLS) * _CONTROL_SHARE < len(sample):
        return False
    if _count(sample, _HIGH) * _HIGH_SHARE < len(sample):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _count(data: bytes, marks: bytes) -> int:
    # `bytes.count` takes ten times as long where there are many.
    return int.from_bytes(data.translate(marks), "little").bit_count()


def strings(data: bytes) -> bytes:
    """The stretches of eight or more printable characters in `data`, one a line: what is text in noise. Linear."""
    return b"\n".join(TEXT.runs(data, _SHORTEST))
