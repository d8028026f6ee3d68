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
from pipelock.detect._runs import HEX_DIGITS, SHORTEST, Run, opened
from pipelock.detect._stretches import TEXT, Kind, marked_spans

__all__ = ["base58_runs", "base85_runs", "uuencoded"]

_B85 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_A85 = bytes(range(33, 118))
_B58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS58 = {char: digit for digit, char in enumerate(_B58)}
_SIGNS58 = Kind(_B58)
_MOST58 = 64
_LONGEST58 = 256
_GROUPS = 5
_HEX = Kind(HEX_DIGITS)
_UU = compile_linear(rb"(?m)^begin [0-7]{3,4} [^\r\n]{1,200}\r?\n(?:[ -`]{1,80}\r?\n)+")


class _Alphabet:
    """One spelling of base85."""

    def __init__(self, signs: bytes, name: str) -> None:
        self.name = name
        self.to_digits = bytes(signs.index(code) if code in signs else 0 for code in range(256))
        self.padding = signs[-1:]
        self._every = Kind(signs)
        # The first of five signs decides the first byte of four: that of printable ASCII and line ends is one of these.
        self._leading = Kind(signs[3:5] + signs[10:41])

    def runs(self, data: bytes) -> list[bytes]:
        """The stretches of `data` that are five groups of text or more, from whatever place groups are counted.

        Group by group, as large numbers of which each byte is the mark of a place. Most words are too short for that.
        """
        data = b" ".join(self._every.runs(data, 5 * _GROUPS))
        every = int.from_bytes(data.translate(self._every.marks), "little")
        whole = int.from_bytes(data.translate(self._leading.marks), "little")
        for place in range(1, 5):
            whole &= every >> 8 * place
        whole &= ~_long_hex(data)
        if not whole:
            return []
        marks = whole.to_bytes(len(data), "little")
        runs = []
        for first in range(5):
            for start, end in marked_spans(marks[first::5], _GROUPS):
                stop = first + 5 * end
                tail = data[stop : stop + 4]
                runs.append(data[first + 5 * start : stop + len(tail) - len(tail.lstrip(self._every.signs))])
        return runs


_ALPHABETS = (_Alphabet(_B85, "base85"), _Alphabet(_A85, "ascii85"))


def _long_hex(data: bytes) -> int:
    """Marks of the places where five groups of hexadecimal digits start: by chance no base85 looks so."""
    marks = int.from_bytes(data.translate(_HEX.marks), "little")
    for step in (1, 2, 4, 8, 9):
        marks &= marks >> 8 * step
    return marks


def base85_runs(data: bytes) -> Iterator[Run]:
    """Texts in either base85, wherever in a run of its signs they start."""
    for alphabet in _ALPHABETS:
        runs = alphabet.runs(data)
        if runs:
            # Each run starts a group and ends with what ends the text of its last one.
            joined = b"".join([run + alphabet.padding * (10 - len(run) % 5) for run in runs])
            yield from _texts85(_decode85(joined.translate(alphabet.to_digits)), runs, alphabet.name)


def _texts85(plain: bytes, runs: list[bytes], name: str) -> Iterator[Run]:
    """What reads as text in `plain`, with the run that it comes from."""
    starts: list[int] = []
    for start, end in TEXT.spans(plain, SHORTEST):
        if not starts:
            starts = list(accumulate([(len(run) + 10 - len(run) % 5) * 4 // 5 for run in runs], initial=0))
        index = bisect_right(starts, start) - 1
        # The last group of a run is filled up with signs that it does not have.
        text = plain[start : min(end, starts[index] + len(runs[index]) * 4 // 5)]
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
    for token in dict.fromkeys(_SIGNS58.runs(data, 22)):
        if len(token) > _LONGEST58 or token.isalpha() or token.islower() or token.isupper():
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
