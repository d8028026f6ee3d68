"""Shell-style `*` and `?` in linear time: the text may come from the network, and the pattern from a launcher."""

from __future__ import annotations

from functools import lru_cache

import msgspec

__all__ = ["glob_match"]

_CACHED = 4096


class _Piece(msgspec.Struct, frozen=True):
    """What stands between two stars: its letters, and the longest part without `?` with its place there."""

    letters: str
    anchor: str
    offset: int


def glob_match(pattern: str, text: str) -> bool:
    """Whether the whole of `text` matches `pattern`; `*` spans anything, `?` is one character, no classes.

    What stands between two stars is looked for once, by the interpreter's own search, and never taken back: the first
    place is as good as any later one. So thousands of patterns cost little, whatever the text is. Only with `?` is each
    place looked at that the longest part beside it has: at most len(text) times the number of `?`.
    """
    first, between, last = _pieces(pattern)
    if last is None:
        return len(first) == len(text) and _stands_at(first, text, 0)
    at, end = len(first), len(text) - len(last)
    if end < at or not _stands_at(first, text, 0) or not _stands_at(last, text, end):
        return False
    for piece in between:
        at = _find(piece, text, at, end)
        if at < 0:
            return False
        at += len(piece.letters)
    return True


@lru_cache(maxsize=_CACHED)
def _pieces(pattern: str) -> tuple[str, tuple[_Piece, ...], str | None]:
    """What it begins with, what is looked for in between, and what it ends with; `None` for that without a star."""
    first, *rest = pattern.split("*")
    if not rest:
        return first, (), None
    *between, last = rest
    return first, tuple(_piece(letters) for letters in between if letters), last


def _piece(letters: str) -> _Piece:
    anchor = max(letters.split("?"), key=len)
    return _Piece(letters, anchor, letters.index(anchor))


def _find(piece: _Piece, text: str, at: int, end: int) -> int:
    """Where it begins first between `at` and `end`; -1 for nowhere."""
    size, offset = len(piece.letters), piece.offset
    place = text.find(piece.anchor, at + offset, end)
    while 0 <= place <= end - size + offset:
        if len(piece.anchor) == size or _stands_at(piece.letters, text, place - offset):
            return place - offset
        place = text.find(piece.anchor, place + 1, end)
    return -1


def _stands_at(letters: str, text: str, at: int) -> bool:
    if "?" not in letters:
        return text.startswith(letters, at)
    for part in letters.split("?"):
        if not text.startswith(part, at):
            return False
        at += len(part) + 1
    return True
