# ruff: noqa: RUF001 - spellings of one letter are what this folds
"""The letters of a text as a reader takes them: case, accents, vowel points and spare gaps gone, in every script.

Phrases of other languages are looked for in this form, and they are brought into it themselves by the same fold. So a
look-alike, a decomposed letter, Arabic with or without vowel points, a missing nukta, a dotless i or letters set apart
make no difference. It is no transliteration: what comes out is for matching alone.

Two steps, both linear: each character is folded by itself; then gaps between letters of scripts that are written
without gaps are dropped.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from pipelock.detect.normalise import fold_text

__all__ = ["fold_letters", "letters_span"]

_CACHE = 16_384
"""Characters whose fold is remembered."""
_FEW = 8
"""Changes that are made one by one."""


def _ranges(*pairs: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in pairs for code in range(first, last + 1))


# Marks that writers leave out or put in at will: vowel points of Arabic and Hebrew, nukta, tone marks of Thai.
_MARKS = _ranges(
    (0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x05BD), (0x05BF, 0x05C7), (0x0610, 0x061A), (0x0640, 0x0640),
    (0x064B, 0x065F), (0x0670, 0x0670), (0x06D6, 0x06ED), (0x093C, 0x093C), (0x09BC, 0x09BC), (0x0A3C, 0x0A3C),
    (0x0E47, 0x0E4C),
)  # fmt: skip
# Spellings of one letter that are used for each other.
_SAME = {
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ۀ": "ه", "ک": "ك",
    "ँ": "ं", "ঁ": "ং", "؟": "?", "،": ",", "、": ",", "।": ".", "॥": ".", "。": ". ", "\u2019": "'", "\u2018": "'",
    "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"', "«": '"', "»": '"', "「": '"', "」": '"', "『": '"',
    "』": '"', "《": '"', "》": '"', "¿": " ", "¡": " ",
}  # fmt: skip
# Scripts that are written without gaps between words, or (Hangul) with gaps that writers leave out.
_GAPLESS = ((0x0E00, 0x0E7F), (0x1100, 0x11FF), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7A3))


def _fold_char(char: str) -> str:
    if char in _SAME:
        return _SAME[char]
    if char in _MARKS:
        return ""
    # Compatibility decomposition spells Hangul syllables as their letters; phrases are folded the same way.
    parts = unicodedata.normalize("NFKD", fold_text(char.casefold()))
    return "".join([_SAME.get(part, part) for part in parts if part not in _MARKS])


_folded = lru_cache(maxsize=_CACHE)(_fold_char)


def fold_letters(text: str) -> str:
    """`text` in the form in which phrases are looked for; ASCII stays as it is (matching ignores its case)."""
    if text.isascii():
        return text
    chars = set(text)
    folds = {char: char if char.isascii() else _folded(char) for char in chars}
    changed = [char for char in chars if folds[char] != char]
    if len(changed) <= _FEW:
        # A replace of one character runs at memory speed. No fold makes a character that another one changes.
        for char in changed:
            text = text.replace(char, folds[char])
    else:
        text = "".join(map(folds.__getitem__, text))
    return _without_gaps(text) if any(map(_is_gapless, set(text))) else text


@lru_cache(maxsize=_CACHE)
def _is_gapless(char: str) -> bool:
    code = ord(char)
    return any(first <= code <= last for first, last in _GAPLESS)


def _without_gaps(text: str) -> str:
    """`text` without the spaces that stand between two letters of gapless scripts."""
    out = []
    before = False
    for word in text.split(" "):
        if word:
            out.append(word if before and _is_gapless(word[0]) else " " + word)
            before = _is_gapless(word[-1])
    joined = "".join(out)
    return joined if text.startswith(" ") else joined[1:]


def letters_span(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the characters `start` to `end` of `fold_letters(text)` came from in `text`. Linear; for reporting.

    Gaps can't always be told apart, so the range may be a few spaces too wide.
    """
    if text.isascii():
        return start, end
    folded = fold_letters(text)
    position = 0
    first, last = -1, len(text)
    for index, char in enumerate(text):
        if first < 0 and position >= start and not char.isspace():
            first = index
        if first >= 0 and position >= end:
            last = index
            break
        for part in char if char.isascii() else _folded(char):
            # A space that the second step dropped has no counterpart.
            if position < len(folded) and (part == folded[position]):
                position += 1
    return max(first, 0), last
