"""Undoing disguises of single characters: invisible ones, look-alikes, full-width forms, marks, exotic spaces.

Every fold maps one character to a short text, so offsets in a folded text can be led back to the original. Text of
plain ASCII is returned as it is. Sources: Unicode NFKC (UAX #15), UTS #39 for look-alikes, UAX #31 for what is
ignorable.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

from pipelock.detect._lookalikes import IN_LATIN_WORDS, LOOKALIKES
from pipelock.detect._pattern import compile_linear

__all__ = ["fold_text", "has_invisible", "hidden_tags", "original_span", "spaced_text", "unusual"]

_CACHE = 16_384
"""Characters whose fold is remembered, for each view."""
_FEW = 48
_MANY = 256


def _ranges(*pairs: tuple[int, int]) -> frozenset[str]:
    return frozenset(chr(code) for first, last in pairs for code in range(first, last + 1))


_INVISIBLE = _ranges(
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF9, 0xFFFB), (0xE0000, 0xE01EF),
    # Other format characters (Cf), and what stands where bytes could not be read.
    (0x0600, 0x0605), (0x06DD, 0x06DD), (0x070F, 0x070F), (0x0890, 0x0891), (0x08E2, 0x08E2), (0x110BD, 0x110BD),
    (0x110CD, 0x110CD), (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xFFFD, 0xFFFD),
)  # fmt: skip
_CONTROL = _ranges((0x00, 0x08), (0x0E, 0x1F), (0x7F, 0x9F))
_SPACES = _ranges((0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029), (0x202F, 0x202F),
                  (0x205F, 0x205F), (0x3000, 0x3000))  # fmt: skip
# Marks that decorate Latin, Greek or Cyrillic letters; those of other scripts carry meaning.
_DIACRITICS = _ranges((0x0300, 0x036F), (0x0483, 0x0489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF),
                      (0xFE20, 0xFE2F))  # fmt: skip
# Dashes (Pd), and the minus sign.
_DASHES = frozenset(
    "\u058a\u05be\u1400\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c"
    "\u3030\u30a0\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead"
)
_PLAIN = frozenset(map(chr, range(0x80))) - _CONTROL
_UNREADABLE = "\ufffd"
_PLAIN_BYTES = "".join(_PLAIN).encode()
_IN_LATIN_WORDS = frozenset(map(chr, IN_LATIN_WORDS))
_ITSELF = {char: char for char in _PLAIN}
# What folds change though it is its own normal form; a letter with a mark on it is not.
_SPECIAL = _INVISIBLE | _CONTROL | _SPACES | _DASHES | _DIACRITICS | frozenset(LOOKALIKES)


@lru_cache(maxsize=_CACHE)
def _fold_char(char: str) -> str:
    if char in _PLAIN:
        return char
    if char in _INVISIBLE or char in _CONTROL or char in _DIACRITICS:
        return ""
    if char in _SPACES:
        return " "
    if char in _DASHES:
        return "-"
    out = []
    for part in unicodedata.normalize("NFKC", char):
        letter = LOOKALIKES.get(part)
        if letter is not None:
            out.append(letter.upper() if part.isupper() else letter)
            continue
        decomposed = unicodedata.normalize("NFD", part)
        if len(decomposed) > 1 and decomposed[1] in _DIACRITICS:
            base = decomposed[0]
            out.append(_fold_char(base) if base in LOOKALIKES else base)
        elif not (part in _INVISIBLE or part in _CONTROL or part in _DIACRITICS):
            out.append(part)
    return "".join(out)


@lru_cache(maxsize=_CACHE)
def _space_char(char: str) -> str:
    return " " if char in _INVISIBLE or char in _CONTROL else _fold_char(char)


def _changing(chars: AbstractSet[str]) -> Iterable[str]:
    """Those of `chars` that a fold may change, without asking for each of very many."""
    if len(chars) <= _MANY:
        return chars
    # Separated by line ends no two characters compose, so one call normalises all of them.
    listed = list(chars)
    composed = unicodedata.normalize("NFKC", "\n".join(listed))
    apart = unicodedata.normalize("NFD", composed).split("\n")
    moved = [char for char, whole, parts in zip(listed, composed.split("\n"), apart, strict=True)
             if whole != char or (parts != char and not "\uac00" <= char <= "\ud7a3")]  # fmt: skip
    return [*moved, *(chars & _SPECIAL)]


def _apply(text: str, chars: AbstractSet[str], fold: Callable[[str], str]) -> str:
    changes = {}
    for char in _changing(chars):
        new = fold(char)
        if new != char:
            changes[char] = new
    if len(changes) <= _FEW:
        # A replace of one character runs at memory speed; going through them one by one is an order slower.
        for char, new in changes.items():
            text = text.replace(char, new)
        return text
    if _UNREADABLE in changes:
        # Of what is no text this is half, and the rest is gone through one by one.
        text = text.replace(_UNREADABLE, changes.pop(_UNREADABLE))
    every = dict(zip(chars, chars, strict=True)) | _ITSELF | changes
    return "".join(map(every.__getitem__, text))


def unusual(text: str) -> frozenset[str]:
    """The characters of `text` that are not plain ASCII: what the folds look at. Linear."""
    if text.isascii() and text.isprintable():
        return frozenset()
    # A set of the few characters that are left is made an order quicker than one of all of them.
    return frozenset(
        text.encode("utf-8", "surrogatepass").translate(None, _PLAIN_BYTES).decode("utf-8", "surrogatepass")
    )


def fold_text(text: str, chars: AbstractSet[str] | None = None) -> str:
    """The matching view: controls and invisible characters gone, tab and line ends kept, look-alikes made Latin.

    Linear in `len(text)`; idempotent up to what a fold itself produces. Look-alikes of scripts that are written for
    their own sake become Latin only inside words that have Latin letters.

    Args:
        text: Any text.
        chars: `unusual(text)`, where the caller has it.
    """
    return _folded(text, unusual(text) if chars is None else chars, _fold_char)


def spaced_text(text: str, chars: AbstractSet[str] | None = None) -> str:
    """Like `fold_text`, but invisible characters become spaces: they may have stood in for the gaps between words."""
    return _folded(text, unusual(text) if chars is None else chars, _space_char)


def _folded(text: str, chars: AbstractSet[str], fold: Callable[[str], str]) -> str:
    text = _apply(text, chars, fold)
    return text if _IN_LATIN_WORDS.isdisjoint(chars) else _latin_words(text)


def _latin_words(text: str) -> str:
    """Such look-alikes made Latin where they stand beside a Latin letter; one character for one."""
    data = text.encode("utf-8", "surrogatepass")
    out: list[bytes] = []
    position = 0
    for match in _beside_latin().finditer(data):
        start, end = match.span()
        out += [data[position:start], match.group(0).decode().translate(IN_LATIN_WORDS).encode()]
        position = end
    return b"".join([*out, data[position:]]).decode("utf-8", "surrogatepass") if out else text


@lru_cache(maxsize=1)
def _beside_latin() -> Any:  # noqa: ANN401 - the binding publishes no types
    odd = b"|".join(chr(code).encode() for code in IN_LATIN_WORDS)
    return compile_linear(b"[A-Za-z](?:[A-Za-z0-9]|%s)*(?:%s)|(?:%s)(?:[A-Za-z0-9]|%s)*[A-Za-z]" % (odd, odd, odd, odd))


def has_invisible(text: str, chars: AbstractSet[str] | None = None) -> bool:
    """Whether `text` holds a character that nobody sees, line ends and tabs apart."""
    chars = unusual(text) if chars is None else chars
    return not (_INVISIBLE.isdisjoint(chars) and _CONTROL.isdisjoint(chars))


def hidden_tags(text: str) -> str:
    """What is written in the invisible Tags block (U+E0020..U+E007E), as ASCII; empty where nothing is."""
    found = _tags().findall(text.encode("utf-8", "surrogatepass"))
    return "".join([chr(ord(char.decode()) - 0xE0000) for char in found])


@lru_cache(maxsize=1)
def _tags() -> Any:  # noqa: ANN401 - the binding publishes no types
    return compile_linear(rb"\xf3\xa0\x80[\xa0-\xbf]|\xf3\xa0\x81[\x80-\xbe]")


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
