"""Showing where something was found without showing it."""

from __future__ import annotations

import string
from bisect import bisect_right
from collections.abc import Sequence

from pipelock.detect._stretches import Kind

__all__ = ["MASK", "excerpt", "mask"]

MASK = "••••"
_CONTEXT = 48
_LONG_RUN = 16
_LIMIT = 200
_LOOKED = 4_096
"""Bytes of one stretch of context that are looked at: what an excerpt has room for, and a long run before it."""
_JOINERS = frozenset("+/_-=.~:%@")
_UNBROKEN = Kind(string.ascii_letters.encode() + string.digits.encode() + "".join(_JOINERS).encode())
_DIGITS = dict.fromkeys(map(ord, string.digits), "•")


def mask(secret: str) -> str:
    """`secret` as it may be shown: four first and two last characters of a long one, nothing of a short one."""
    return f"{secret[:4]}{MASK}{secret[-2:]}" if len(secret) >= 20 else MASK


def excerpt(data: bytes, start: int, end: int, hidden: Sequence[tuple[int, int]], *, ends: bool = True) -> str:
    """The surroundings of `data[start:end]`, at most 200 characters.

    Args:
        data: The text.
        start: Where the match starts, in bytes.
        end: Where it ends.
        hidden: Ranges that must not be shown, in bytes, ascending and apart from each other.
        ends: Show the ends of a long hidden range, as `mask` does.
    """
    first, last = max(0, start - _CONTEXT), min(len(data), end + _CONTEXT)
    parts: list[str] = []
    position = first
    # Hostile text has thousands of ranges: those before the excerpt are not walked through each time.
    for number in range(bisect_right(hidden, first, key=_end), len(hidden)):
        left, right = hidden[number]
        if left >= last:
            break
        if left > position:
            parts.append(_quiet(data[position:left]))
        # Of a range that begins before the excerpt nothing is shown.
        text = data[left:right].decode("utf-8", "replace") if left >= position and right - left < 4096 else ""
        parts.append(mask(text) if ends and text else MASK)
        position = right
    if position < last:
        parts.append(_quiet(data[position:last]))
    text = "".join(parts)
    return text if len(text) <= _LIMIT else text[: _LIMIT - 1] + "…"


def _end(range_: tuple[int, int]) -> int:
    return range_[1]


def _quiet(data: bytes) -> str:
    """Context with every long unbroken run and every digit hidden: it may be another secret, or this one again."""
    text = data[:_LOOKED].decode("utf-8", "replace")
    out: list[str] = []
    run: list[str] = []
    # A run that is cut off may be a part of a longer one, so it is left out.
    for char in text if len(data) > _LOOKED else text + " ":
        if char.isalnum() or char in _JOINERS:
            run.append("•" if char.isdigit() else char)
            continue
        out.append("".join(run) if len(run) < _LONG_RUN else MASK)
        run.clear()
        out.append(char)
    return "".join(out) if len(data) > _LOOKED else "".join(out)[:-1]
