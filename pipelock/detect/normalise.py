"""Undoing disguises of single characters: invisible ones, look-alikes, full-width forms, marks, exotic spaces.

Every fold maps one character to a short text, so offsets in a folded text can be led back to the original. Text of
plain ASCII is returned as it is. Sources: Unicode NFKC (UAX #15), UTS #39 for look-alikes, UAX #31 for what is
ignorable.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import lru_cache

from pipelock.detect._lookalikes import LOOKALIKES

__all__ = ["fold_text", "has_invisible", "hidden_tags", "original_span", "spaced_text"]

_CACHE = 16_384
"""Characters whose fold is remembered, for each view."""
_FEW = 8


def _ranges(*pairs: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in pairs for code in range(first, last + 1))


_INVISIBLE = _ranges(
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0xE0000, 0xE01EF),
)  # fmt: skip
_CONTROL = _ranges((0x00, 0x08), (0x0E, 0x1F), (0x7F, 0x9F))
_SPACES = _ranges((0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
                  (0x205F, 0x205F), (0x3000, 0x3000))  # fmt: skip
_PLAIN = frozenset(map(chr, range(0x80))) - _CONTROL


def _is_diacritic(char: str) -> bool:
    """A mark of the kind that decorates Latin, Greek or Cyrillic letters; marks of other scripts carry meaning."""
    code = ord(char)
    return (
        0x0300 <= code <= 0x036F
        or 0x0483 <= code <= 0x0489
        or 0x1AB0 <= code <= 0x1AFF
        or 0x1DC0 <= code <= 0x1DFF
        or 0x20D0 <= code <= 0x20FF
        or 0xFE20 <= code <= 0xFE2F
    )


@lru_cache(maxsize=_CACHE)
def _fold_char(char: str) -> str:
    if char in _PLAIN:
        return char
    if char in _INVISIBLE or char in _CONTROL or _is_diacritic(char):
        return ""
    if char in _SPACES:
        return " "
    out = []
    for part in unicodedata.normalize("NFKC", char):
        letter = LOOKALIKES.get(part)
        if letter is not None:
            out.append(letter.upper() if part.isupper() else letter)
            continue
        decomposed = unicodedata.normalize("NFD", part)
        if len(decomposed) > 1 and _is_diacritic(decomposed[1]):
            base = decomposed[0]
            out.append(_fold_char(base) if base in LOOKALIKES else base)
        elif not (part in _INVISIBLE or part in _CONTROL or _is_diacritic(part)):
            out.append(part)
    return "".join(out)


@lru_cache(maxsize=_CACHE)
def _space_char(char: str) -> str:
    return " " if char in _INVISIBLE or char in _CONTROL else _fold_char(char)


def _apply(text: str, fold: Callable[[str], str]) -> str:
    changes = {}
    for char in set(text) - _PLAIN:
        new = fold(char)
        if new != char:
            changes[char] = new
    if len(changes) <= _FEW:
        # A replace of one character runs at memory speed; a translation table is an order slower.
        for char, new in changes.items():
            text = text.replace(char, new)
        return text
    return text.translate({ord(char): new for char, new in changes.items()})


def fold_text(text: str) -> str:
    """The matching view: controls and invisible characters gone, tab and line ends kept, look-alikes made Latin.

    Linear in `len(text)`; idempotent up to what a fold itself produces.
    """
    return _apply(text, _fold_char)


def spaced_text(text: str) -> str:
    """Like `fold_text`, but invisible characters become spaces: they may have stood in for the gaps between words."""
    return _apply(text, _space_char)


def has_invisible(text: str) -> bool:
    """Whether `text` holds a character that nobody sees, line ends and tabs apart."""
    return not (_INVISIBLE.isdisjoint(text) and _CONTROL.isdisjoint(text))


def hidden_tags(text: str) -> str:
    """What is written in the invisible Tags block (U+E0020..U+E007E), as ASCII; empty where nothing is."""
    return "".join(chr(ord(char) - 0xE0000) for char in text if "\U000e0020" <= char <= "\U000e007e")


def original_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Where characters `start` to `end` of `fold_text(text)` came from in `text`. Linear; for reporting."""
    position = 0
    first = last = -1
    for index, char in enumerate(text):
        width = len(_fold_char(char))
        if first < 0 and position + width > start:
            first = index
        position += width
        if position >= end and width:
            last = index + 1
            break
    if first < 0:
        first = len(text)
    return first, max(first, last if last >= 0 else len(text))
