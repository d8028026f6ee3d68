"""The ends of the texts that a stream has carried so far, so that what goes on in the next event is understood."""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["KEPT", "LONG_EVERY", "MAX_TEXTS", "RECENT", "SHORT", "Tail", "Tails"]

KEPT = 4096
"""Bytes of each text that are remembered."""
SHORT = 320
"""Bytes of what went before that every event is judged with. Longer than any credential up to its first sure sign."""
RECENT = 96
"""Of what went before, the bytes that are still news: what follows may show what they are (`:password@host`).

What lies further back was judged with more in front of it than there is now, and is not judged anew.
"""
LONG_EVERY = 1024
"""After so many bytes of new text all that is kept is looked at again, so that what is spread wide is seen as one.

Every byte of a text is so judged about five times with the long look, and every event costs one short one.
"""
LONG_WITHIN = 256
"""The same for a text that has no blank for so long that the short look does not reach back to one: a long token."""
MAX_TEXTS = 64
"""Texts under way in one stream; the one that was longest without news is forgotten for another."""

_BLANKS = b" \t\r\n"
_REACH = 64
_LONG_NUMBER = 5


class Tail:
    """The end of one text, UTF-8."""

    __slots__ = ("_fresh", "_is_column", "_kept")

    def __init__(self) -> None:
        self._kept = b""
        self._fresh = 0
        self._is_column = True

    def context(self, piece: bytes) -> bytes:
        """What `piece` is to be judged with: the last of what went before, or all that is kept if that is due."""
        kept = _last(self._kept, SHORT)
        fresh = self._fresh + len(piece)
        if fresh >= LONG_WITHIN and (fresh >= LONG_EVERY or len(kept.split(None, 1)) < 2):
            kept = self._kept
        # A column of numbers is no long number. (Models write theirs in pieces of three digits or fewer.)
        return kept + b"\n" if kept and self._is_column and _is_number(piece) else kept

    def add(self, context: bytes, piece: bytes) -> None:
        """`piece` was judged with `context`, and goes on."""
        looked_long = len(context) >= len(self._kept)
        self._fresh = 0 if looked_long else self._fresh + len(piece)
        joint = b"\n" if context.endswith(b"\n") and not self._kept.endswith(b"\n") else b""
        self._kept = _last(self._kept + joint + piece[-KEPT:], KEPT)
        self._is_column = self._is_column and _is_number(piece)

    def replace(self, text: bytes) -> None:
        """Only `text` is to be remembered: what was before it has been told of, and need not be found again."""
        self._kept = _last(text, KEPT)
        self._fresh = 0
        self._is_column = False


class Tails:
    """The tails of a stream by place, at most `MAX_TEXTS`; 256 KiB if a stream does its worst."""

    def __init__(self) -> None:
        self._tails: OrderedDict[str, Tail] = OrderedDict()

    def at(self, place: str) -> Tail:
        """The tail of the text at `place`."""
        tail = self._tails.get(place)
        if tail is not None:
            self._tails.move_to_end(place)
            return tail
        if len(self._tails) >= MAX_TEXTS:
            self._tails.popitem(last=False)
        tail = self._tails[place] = Tail()
        return tail


def _is_number(piece: bytes) -> bool:
    return len(piece) >= _LONG_NUMBER and not piece[:SHORT].translate(None, b"0123456789-+.,:/ ")


def _last(data: bytes, size: int) -> bytes:
    """The last `size` bytes, from the next blank on if one is close, else from the next whole character on."""
    if len(data) <= size:
        return data
    data = data[-size:]
    near = data[:_REACH]
    blanks = [at for blank in _BLANKS if (at := near.find(blank)) >= 0]
    if blanks:
        return data[min(blanks) :]
    start = 0
    while start < 4 and data[start : start + 1] and 0x80 <= data[start] < 0xC0:
        start += 1
    return data[start:]
