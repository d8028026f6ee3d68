"""The spellings under which a known value may travel, each with the part of it that shows where to look.

Whoever looks for a value ignores case, so one spelling stands for all of its cases. What is looked for first is a
window of `WINDOW` bytes of the value as that spelling writes it: the same bytes in every spelling, so that all of them
together tell no more about the value than these bytes.
"""

from __future__ import annotations

from base64 import b32encode, b64encode
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["LONGEST", "WINDOW", "Form", "forms", "whole"]

WINDOW = 4
"""Bytes of a value that are looked for."""
LONGEST = 126
"""Bytes of a value that count: the middle of a longer one gives it away."""
_DELIMITERS = (":", " ", "-", ",", "\\x", "0x", " 0x", ",0x", ", 0x", "%")
# The last ones are what indented JSON leaves when its line ends are taken out.
_BETWEEN_CODES = (",", " ", ", ", ";", "-", ",  ", ",    ", ",      ", ",        ")
_ROT13 = bytes.maketrans(
    b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", b"nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM"
)


class Form(NamedTuple):
    """One spelling, in lower case, and where the window stands in it."""

    text: bytes
    start: int
    end: int


def whole(value: bytes) -> bytes:
    """The part of a value that is looked for: its longest line (the last of several), and of that the middle."""
    lines = [line.strip() for line in value.replace(b"\\n", b"\n").split(b"\n")]
    line = max(reversed(lines), key=len)
    start = max(0, (len(line) - LONGEST) // 2)
    return line[start : start + LONGEST]


def forms(value: bytes) -> Iterator[Form]:
    """Each spelling of `value` (`WINDOW` to `LONGEST` bytes) once."""
    at = _window(value)
    seen: set[bytes] = set()
    for form in _spellings(value, at):
        text = form.text.lower()
        if text not in seen:
            seen.add(text)
            yield Form(text, form.start, form.end)


def _window(value: bytes) -> int:
    """Where the bytes stand that other texts are least likely to have: few letters, none twice; not at the start."""

    def rarity(at: int) -> tuple[int, int]:
        part = value[at : at + WINDOW]
        return len(set(part)) + sum(not chr(byte).isalpha() for byte in part), min(at, 8)

    return max(range(len(value) - WINDOW + 1), key=rarity)


def _spellings(value: bytes, at: int) -> Iterator[Form]:
    yield Form(value, at, at + WINDOW)
    yield Form(value.translate(_ROT13), at, at + WINDOW)
    yield Form(value[::-1], len(value) - at - WINDOW, len(value) - at)
    # Inside a longer text the value may start at any place of a group; only what it determines alone is constant.
    for shift in range(3):
        form = _in_groups(b64encode(bytes(shift) + value), 6, shift, len(value), at)
        yield form
        yield form._replace(text=form.text.replace(b"+", b"-").replace(b"/", b"_"))
    for shift in range(5):
        yield _in_groups(b32encode(bytes(shift) + value), 5, shift, len(value), at)
    pairs = [f"{byte:02x}" for byte in value]
    for delimiter in ("", *_DELIMITERS):
        yield _joined(pairs, delimiter, at)
    yield _joined([quote(bytes((byte,)), safe="") for byte in value], "", at)
    for delimiter in ("", " ", "-", ","):
        yield _joined([f"{byte:08b}" for byte in value], delimiter, at)
    for delimiter in (" ", ","):
        yield _joined([f"{byte:o}" for byte in value], delimiter, at)
    codes = [str(byte) for byte in value]
    for delimiter in _BETWEEN_CODES:
        yield _joined(codes, delimiter, at)


def _in_groups(text: bytes, bits: int, shift: int, size: int, at: int) -> Form:
    first = -(-8 * shift // bits)
    return Form(
        text[first : 8 * (shift + size) // bits],
        -(-8 * (shift + at) // bits) - first,
        8 * (shift + at + WINDOW) // bits - first,
    )


def _joined(pieces: Sequence[str], delimiter: str, at: int) -> Form:
    starts = list(accumulate((len(piece) + len(delimiter) for piece in pieces), initial=0))
    return Form(delimiter.join(pieces).encode(), starts[at], starts[at + WINDOW] - len(delimiter))
