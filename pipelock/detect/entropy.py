"""How random a piece of a URL looks, and when that means anything.

Shannon's measure alone is a poor judge: it can't exceed log2 of the length, so short random tokens look calm, and any
long file name or sentence looks wild. So a token counts as opaque only if its entropy is above the limit *and* most
of it is not made of words, and a short token is compared with what its length allows. Identifiers with a public form
(UUIDs, digests) are no secrets by their form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import log2

__all__ = ["is_identifier", "is_opaque", "normalised_entropy", "shannon", "words_share"]

MIN_TOKEN = 20
"""Shorter tokens are not judged, in characters."""

_DIGEST_LENGTHS = frozenset({32, 40, 56, 64, 96, 128})
_HEX = frozenset("0123456789abcdefABCDEF")
_DIGITS = frozenset("0123456789")
_VOWELS = frozenset("aeiouyAEIOUY")
# A word limit that still holds "lengths" (five consonants) and "Knightsbridge" (five), but not random letters.
_CONSONANTS_IN_A_ROW = 5
_LONGEST_WORD = 24
_LONGEST_NUMBER = 8
_MOSTLY = 0.6


def shannon(text: str) -> float:
    """Shannon entropy of `text` in bits per code point; 0 for the empty string. Linear time."""
    size = len(text)
    if size < 2:
        return 0.0
    # Counting by hand is faster for tokens and quadratic for texts.
    counts = [text.count(char) for char in set(text)] if size <= 128 else list(Counter(text).values())
    return log2(size) - sum(count * log2(count) for count in counts if count > 1) / size


def normalised_entropy(text: str) -> float:
    """Entropy as a share (0..1) of what a text of this length can have, 64 symbols at most."""
    size = len(text)
    return shannon(text) / log2(min(size, 64)) if size > 1 else 0.0


def is_identifier(token: str) -> bool:
    """Whether `token` is a UUID or has the length and alphabet of a hexadecimal digest (a commit, a checksum)."""
    size = len(token)
    if size == 36 and token[8] == token[13] == token[18] == token[23] == "-":
        return _HEX.issuperset(token.replace("-", ""))
    return size in _DIGEST_LENGTHS and _HEX.issuperset(token)


def words_share(text: str) -> float:
    """The share (0..1) of the letters and digits of `text` that stand in words or short numbers.

    A word is a run of letters in one case (or capitalised) with vowels where a language needs them, or a run of
    letters beyond ASCII. Random text has few; file names, titles and sentences are made of them.
    """
    total = 0
    in_words = 0
    for chunk, alone in _chunks(text):
        total += len(chunk)
        if _is_word(chunk, alone=alone):
            in_words += len(chunk)
    return in_words / total if total else 1.0


def _chunks(text: str) -> Iterator[tuple[str, bool]]:
    """Maximal runs of one kind (digits, upper case, letters with at most a capital in front).

    Each comes with whether punctuation or an end of the text stands on both its sides.
    """
    start = 0
    kind = ""
    free = True
    for index, char in enumerate(text):
        new = "d" if char in _DIGITS else "u" if "A" <= char <= "Z" else "l" if char.isalpha() else ""
        if new == kind:
            continue
        # A capital followed by lower case belongs to the word it begins.
        if kind == "u" and new == "l":
            if index - start > 1:
                yield text[start : index - 1], False
                start, free = index - 1, False
            kind = "l"
            continue
        if kind:
            yield text[start:index], free and not new
        start, kind, free = index, new, not kind
    if kind:
        yield text[start:], free


def _is_word(chunk: str, *, alone: bool) -> bool:
    size = len(chunk)
    if chunk[0] in _DIGITS:
        return alone and size <= _LONGEST_NUMBER
    if not chunk.isascii():
        return True
    # Random text in mixed case is full of "Xab": a short run is a word only where it stands by itself.
    if size > _LONGEST_WORD or size < 4:
        return alone and size < 4
    run = vowels = 0
    for char in chunk:
        if char in _VOWELS:
            vowels += 1
            run = 0
        else:
            run += 1
            if run > _CONSONANTS_IN_A_ROW:
                return False
    # Abbreviations of four letters need no vowel (http, html); words need one in five letters.
    return size <= 4 or vowels * 5 >= size


def is_opaque(token: str, threshold: float) -> float:
    """The entropy of `token` if it looks like data rather than language or an identifier, else 0.

    Data means: at least `MIN_TOKEN` characters, entropy above `threshold` bits per character (or, for a token of
    letters in both cases and digits that is too short to reach it, close to the most its length allows), and no
    public form or words that would explain it.
    """
    size = len(token)
    if size < MIN_TOKEN:
        return 0.0
    limit = threshold
    if threshold <= 4.5:
        limit = min(threshold, 0.9 * log2(size))
    entropy = shannon(token)
    if entropy <= limit or is_identifier(token):
        return 0.0
    if entropy <= threshold and not _is_mixed(token):
        return 0.0
    return 0.0 if words_share(token) >= _MOSTLY else entropy


def _is_mixed(token: str) -> bool:
    """Whether ASCII letters of both cases and at least two digits occur: what encoders and key generators emit."""
    return (
        token.isascii()
        and sum(char in _DIGITS for char in token) >= 2
        and token.upper() != token
        and token.lower() != token
    )
