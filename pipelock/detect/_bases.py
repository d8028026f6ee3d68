"""Text in base85 (RFC 1924's alphabet, and Ascii85), base58, and uuencode.

Their alphabets are so wide that most words are valid in them, so whether a run hides a text is told by what it decodes
to: sixteen bytes or more of plain ASCII, which chance gives one run in a hundred million. Base85 is decoded for all
runs together, by arithmetic on large numbers; linear. Of base58, whose decoding is quadratic, 64 runs of 22 to 256
characters are tried.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_uu
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from pipelock.detect._pattern import compile_linear
from pipelock.detect._runs import SHORTEST, Run, opened

__all__ = ["base58_runs", "base85_runs", "uuencoded"]

_B85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_A85 = bytes(range(33, 118))
_B58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS58 = {char: digit for digit, char in enumerate(_B58)}
_TO_B58 = bytes(code if code in _B58 else 0x20 for code in range(256))
_MOST58 = 64
_LONGEST58 = 256
_TEXT = compile_linear(rb"[\t\n\r -~]{16,}")
_UU = compile_linear(rb"(?m)^begin [0-7]{3,4} [^\r\n]{1,200}\r?\n(?:[ -`]{1,80}\r?\n)+")


class _Alphabet:
    """One spelling of base85."""

    def __init__(self, signs: bytes, name: str) -> None:
        self.name = name
        self.to_digits = bytes(signs.index(code) if code in signs else 0 for code in range(256))
        self.padding = signs[-1:]
        # The first of five signs decides the first byte of four: that of printable ASCII and line ends is one of these.
        leading, every = (b"".join(b"\\x%02x" % code for code in some) for some in (signs[3:5] + signs[10:41], signs))
        self.run = compile_linear(b"(?:[%s][%s]{4}){5,}[%s]{0,4}" % (leading, every, every))


_ALPHABETS = (_Alphabet(_B85, "base85"), _Alphabet(_A85, "ascii85"))


def base85_runs(data: bytes) -> Iterator[Run]:
    """Texts in either base85, wherever in a run of its signs they start."""
    for alphabet in _ALPHABETS:
        runs = alphabet.run.findall(data)
        if not runs:
            continue
        wall = alphabet.padding * 10
        # Each run starts a group of five, so shifting all of them shifts each.
        joined = b"".join([run + wall[: 10 - len(run) % 5] for run in runs])
        for start in range(5):
            plain = _decode85(joined[start:].translate(alphabet.to_digits))
            yield from _texts85(plain, start, runs, alphabet.name)


def _texts85(plain: bytes, start: int, runs: list[bytes], name: str) -> Iterator[Run]:
    """What reads as text in `plain`, with the run that it comes from."""
    starts: list[int] = []
    for match in _TEXT.finditer(plain):
        if not starts:
            starts = list(accumulate([len(run) + 10 - len(run) % 5 for run in runs], initial=0))
        index = bisect_right(starts, match.start() // 4 * 5 + start) - 1
        # The last group of a run is filled up with signs that it does not have.
        size = (len(runs[index]) - start) * 4 // 5 - (match.start() - starts[index] * 4 // 5)
        text = match.group(0)[:size]
        if len(text) >= SHORTEST:
            yield Run(name, text, runs[index])


def _decode85(digits: bytes) -> bytes:
    """Groups of five digits (0..84) to groups of four bytes, all at once; a group beyond 2**32 gives noise.

    Each group is a lane of eight bytes in one large number; five digits stay below 2**33, so no lane reaches the next.
    """
    count = len(digits) // 5
    digits = digits[: 5 * count]
    total = 0
    for column in range(5):
        lanes = bytearray(8 * count)
        lanes[::8] = digits[column::5]
        total = total * 85 + int.from_bytes(lanes, "little")
    lanes = bytearray(total.to_bytes(8 * count, "little"))
    out = bytearray(4 * count)
    for index in range(4):
        out[index::4] = lanes[3 - index :: 8]
    return bytes(out)


def base58_runs(data: bytes) -> Iterator[Run]:
    """Texts in base58: runs with capitals, small letters and digits."""
    tried = 0
    for token in dict.fromkeys(data.translate(_TO_B58).split()):
        if not 22 <= len(token) <= _LONGEST58 or token.isalpha() or token.islower() or token.isupper():
            continue
        tried += 1
        if tried > _MOST58:
            return
        number = 0
        for char in token:
            number = number * 58 + _DIGITS58[char]
        plain = number.to_bytes((number.bit_length() + 7) // 8, "big")
        found = opened("base58", plain, token)
        if found is not None:
            yield found


def uuencoded(data: bytes) -> Iterator[Run]:
    """What stands between `begin` and the end of a uuencoded file."""
    for match in _UU.finditer(data):
        run = match.group(0)
        pieces = []
        for line in run.splitlines()[1:]:
            try:
                pieces.append(a2b_uu(line))
            except BinasciiError:
                break
        found = opened("uu", b"".join(pieces), run)
        if found is not None:
            yield found
