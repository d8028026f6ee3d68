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
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from pipelock.detect._pattern import compile_linear
from pipelock.detect.normalise import fold_text

__all__ = ["fold_letters", "letters_span"]

_CACHE = 16_384
"""Characters whose fold is remembered."""
_FEW = 24
"""Changes that are made one by one."""
_MANY = 1_024
"""Characters from which on all are folded at once: hostile text has more than are remembered."""


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
# U+0E00..0E7F, 1100..11FF, 3040..30FF, 3400..9FFF and AC00..D7A3 in UTF-8.
_GAPLESS = (
    rb"(?:\xe0[\xb8\xb9][\x80-\xbf]|\xe1[\x84-\x87][\x80-\xbf]|\xe3[\x81-\x83\x90-\xbf][\x80-\xbf]"
    rb"|[\xe4-\xe9][\x80-\xbf]{2}|\xea[\xb0-\xbf][\x80-\xbf]|[\xeb\xec][\x80-\xbf]{2}|\xed[\x80-\x9d][\x80-\xbf]"
    rb"|\xed\x9e[\x80-\xa3])"
)


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
    folds = _folds(text)
    changed = [char for char, new in folds.items() if new != char]
    if len(changed) <= _FEW:
        # A replace of one character runs at memory speed. No fold makes a character that another one changes.
        for char in changed:
            text = text.replace(char, folds[char])
    else:
        text = "".join(map(folds.__getitem__, text))
    return _without_gaps(text)


def _folds(text: str) -> dict[str, str]:
    """What becomes of each character of `text`."""
    chars = set(text)
    folds = {char: char for char in chars if char.isascii()}
    others = chars - folds.keys()
    folds.update(zip(others, _folded_at_once(others) if len(others) > _MANY else map(_folded, others), strict=True))
    return folds


def _folded_at_once(chars: Collection[str]) -> list[str]:
    """What `_fold_char` says of each: line ends keep them apart in what treats them together."""
    whole = unicodedata.normalize("NFKD", fold_text("\n".join(chars).casefold())).translate(_AFTER)
    return [_SAME.get(char, "" if char in _MARKS else new) for char, new in zip(chars, whole.split("\n"), strict=True)]


_AFTER = str.maketrans(dict.fromkeys(_MARKS, "") | _SAME)


@lru_cache(maxsize=1)
def _gaps() -> Any:  # noqa: ANN401 - the binding publishes no types
    return compile_linear(_GAPLESS + rb"+(?: +" + _GAPLESS + rb"+)+")


def _without_gaps(text: str) -> str:
    """`text` without the spaces that stand between two letters of gapless scripts."""
    data = text.encode("utf-8", "surrogatepass")
    out: list[bytes] = []
    position = 0
    for match in _gaps().finditer(data):
        start, end = match.span()
        out += (data[position:start], data[start:end].replace(b" ", b""))
        position = end
    return b"".join([*out, data[position:]]).decode("utf-8", "surrogatepass") if out else text


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
