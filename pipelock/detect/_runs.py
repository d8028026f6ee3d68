"""Unbroken runs of letters and digits that are a text in hexadecimal, base64 or base32 (RFC 4648), or packed data.

Nearly all runs are names, paths and noise, and hostile text has thousands of them. So all runs are judged by their
heads first, and the heads are decoded together, by one call for each encoding; only a run whose head could be the
start of a text is decoded alone.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, unhexlify
from collections.abc import Callable, Iterator
from functools import reduce
from operator import or_
from typing import NamedTuple

from pipelock.detect._packed import unpack, unpack_blind
from pipelock.detect._stretches import Kind

__all__ = ["HEX_DIGITS", "RUN", "SHORTEST", "UNPACKED", "Run", "hidden_runs", "long_runs", "opened", "text_of"]

SHORTEST = 16
"""Decoded texts below this many bytes are not looked at: no credential is that short."""
RUN = 24
"""Shortest run that is looked at, in characters; also how long a head is: a whole number of groups of each encoding."""
HEX_DIGITS = b"0123456789abcdefABCDEF"

UNPACKED = 262_144
"""Bytes of compressed data that are read of one run."""
_BLIND = 16
_BLIND_LENGTH = 32
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_SIGNS = Kind(_BASE64)
_PIECES = tuple((separator, Kind(_BASE64.replace(separator, b""))) for separator in (b"/", b"_", b"-"))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BASE32_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE32_LOWER = _BASE32_UPPER.lower()
_BASE32_HEX = b"0123456789ABCDEFGHIJKLMNOPQRSTUV"
# The same 32 digits as `int` knows them.
_TO_INT = bytes.maketrans(
    _BASE32_UPPER + _BASE32_LOWER[:26], b"0123456789abcdefghijklmnopqrstuv0123456789abcdefghijklmnop"
)
_UNPRINTABLE = bytes([*range(9), 11, *range(14, 32), 127])
_PRINTABLE = bytes(set(range(128)) - set(_UNPRINTABLE))
_NOT_UNPRINTABLE = bytes(set(range(256)) - set(_UNPRINTABLE))
_FEW = 16
_BYTE_ORDER = (b"\xff\xfe", b"\xfe\xff")
# A control character beside a byte above ASCII shows that a decoded head is noise; zeros may be of UTF-16.
_NOISE = 1 | 2
_IS_NOISE = bytes((code in _UNPRINTABLE and code > 0) | (code > 127) << 1 for code in range(256))
# Characters outside hexadecimal and the alphabets of base32 in either case: a run with all of these is none of them.
_OTHER = 1 | 2 | 4 | 8 | 16
_IS_OTHER = bytes(
    (code not in HEX_DIGITS)
    | (code not in _BASE32_UPPER) << 1
    | (code not in _BASE32_LOWER) << 2
    | (code not in _BASE32_HEX) << 3
    | (code not in _BASE32_HEX.lower()) << 4
    for code in range(256)
)


class Run(NamedTuple):
    """A text that a run hides.

    Attributes:
        name: The encoding.
        text: What it decodes to.
        run: The run as it stands; empty where the text was put together from several.
        inner: The compression inside the encoding, if there is one.
        cut: Compressed data holds more than was read.
    """

    name: str
    text: bytes
    run: bytes = b""
    inner: str = ""
    cut: bool = False


def hidden_runs(data: bytes, limit: int = UNPACKED, *, blind: int = _BLIND) -> Iterator[Run]:
    """What hides in each run of `data`, and in each of its pieces between slashes, hyphens or underscores.

    Of compressed data at most `limit` bytes are read in all. Where nothing tells the format, the first `blind` runs are
    tried.
    """
    runs, whole = _candidates(data)
    if not runs:
        return
    yield from _packed_runs(runs, whole, limit, blind)
    marks = _marks(b"".join([run[:RUN] for run in runs]), RUN, _IS_OTHER)
    for encoding in _ENCODINGS:
        outside = encoding.outside
        chosen = [run for run, mark in zip(runs, marks, strict=True) if mark & outside != outside]
        if chosen:
            yield from _texts_in([run for run in chosen if len(run) >= encoding.shortest], encoding)


def _texts_in(runs: list[bytes], encoding: _Encoding) -> Iterator[Run]:
    """Those of `runs`, whose heads are of the encoding, that are a text in it."""
    # Whole heads are whole groups of each encoding, so all of them are one text to its decoder.
    heads = encoding.decode(b"".join([run[:RUN] for run in runs]))
    size = encoding.size
    for number, (run, mark) in enumerate(zip(runs, _marks(heads, size, _IS_NOISE), strict=True)):
        head = heads[number * size : number * size + size]
        if (mark != _NOISE or head.startswith(_BYTE_ORDER)) and _may_begin_text(head):
            text = b"" if encoding.is_foreign(run) else text_of(encoding.decode(run))
            if text:
                yield Run(encoding.name, text, run)


def _packed_runs(runs: list[bytes], whole: int, limit: int, blind: int) -> Iterator[Run]:
    """Those that are compressed data; the first `whole` of them are no pieces of others."""
    for index, run in enumerate(runs):
        known = run.startswith(_PACKED_HEADS)
        if known or (blind > 0 and index < whole and len(run) >= _BLIND_LENGTH):
            blind -= 1
            packed = _packed(run, limit)
            if packed is not None:
                limit = max(limit - len(packed.text), 0)
                yield packed


# How gzip, Zstandard and zlib begin in base64 and in hexadecimal.
_PACKED_HEADS = (b"H4sI", b"KLUv/", b"KLUv_", b"eA", b"eF", b"eJ", b"eN", b"1f8b08", b"1F8B08", b"28b52ffd",
                 b"28B52FFD", b"7801", b"785e", b"785E", b"789c", b"789C", b"78da", b"78DA")  # fmt: skip


def _packed(run: bytes, limit: int) -> Run | None:
    """What a run of compressed data holds."""
    hexadecimal = not run.translate(None, HEX_DIGITS)
    plain = unhexlify(run[: len(run) & ~1]) if hexadecimal else _base64(run.translate(_URL_SAFE))
    found = None if plain.isascii() else unpack(plain, limit) or unpack_blind(plain, limit)
    if found is None:
        return None
    return Run("hex" if hexadecimal else "base64", found.data, run, found.name, found.cut)


def opened(name: str, plain: bytes, run: bytes) -> Run | None:
    """What a run that was decoded to `plain` hides: a text, or compressed data of which 256 KiB are read."""
    text = text_of(plain)
    if text:
        return Run(name, text, run)
    found = unpack(plain, UNPACKED)
    return None if found is None else Run(name, found.data, run, found.name, found.cut)


def long_runs(data: bytes) -> list[bytes]:
    """The unbroken runs of `data` that are long enough to be looked at."""
    return _SIGNS.runs(data, RUN)


def _candidates(data: bytes) -> tuple[list[bytes], int]:
    """The runs of `data` that are long enough, then their pieces that are, none twice; and how many are whole."""
    runs = dict.fromkeys(long_runs(data))
    whole = tuple(runs)
    for separator, kind in _PIECES:
        if separator in data:
            runs.update(dict.fromkeys(kind.runs(b" ".join([run for run in whole if separator in run]), RUN)))
    if b"+" in data:
        # UTF-7 marks its base64 with a plus sign in front, which is a sign of base64 as well.
        bare = [run.strip(b"+-") for run in runs if run.startswith(b"+")]
        runs.update(dict.fromkeys([run for run in bare if len(run) >= RUN]))
    return list(runs), len(whole)


def _marks(joined: bytes, size: int, table: bytes) -> bytes:
    """For each piece of `size` bytes of `joined`, the union of the bits that `table` gives its bytes.

    Column by column, as one large number each, so that thousands of pieces take no more steps than one has bytes.
    """
    count = len(joined) // size
    marked = joined.translate(table)
    if count < _FEW:
        return bytes([reduce(or_, marked[at : at + size]) for at in range(0, count * size, size)])
    union = 0
    for column in range(size):
        union |= int.from_bytes(marked[column::size], "little")
    return union.to_bytes(count, "little")


def _may_begin_text(head: bytes) -> bool:
    """Whether what a head was decoded to can begin a text in UTF-8, or one of Latin letters in UTF-16 or UTF-32."""
    head = head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    if not head.translate(None, _NOT_UNPRINTABLE):
        # The last character may be cut.
        return head.isascii() or len(head.decode("utf-8", "ignore").encode()) >= len(head) - 3
    if head.isascii() and 3 * head.count(0) >= 2 * len(head):
        return not head.translate(None, _PRINTABLE + b"\0")
    return not head[1::2].strip(b"\0") or not head[::2].strip(b"\0")


def _base64(token: bytes) -> bytes:
    if len(token) % 4 == 1:
        token = token[:-1]
    try:
        return a2b_base64(token + b"=" * (-len(token) % 4))
    except BinasciiError:
        return b""


def _base32_bits(digits: bytes) -> bytes:
    """Base32 without padding, as `int` knows its digits: linear, as 32 is a power of two."""
    size = len(digits) - (len(digits) % 8 in (1, 3, 6))
    whole = size * 5 // 8
    number = int(digits[:size] or b"0", 32) >> (size * 5 - whole * 8)
    return number.to_bytes(whole, "big")


class _Encoding(NamedTuple):
    """How runs of one encoding are told and read.

    Attributes:
        name: As findings show it.
        outside: Bits of `_IS_OTHER`, one for each of its alphabets: a head that has all of them is of another kind.
        size: Bytes that a head stands for.
        shortest: Characters of the shortest run that is looked at.
        alphabets: Its alphabets; in a text of several cases no character is left over of only one of them.
        decode: Undoes it; the padding may be missing.
    """

    name: str
    outside: int
    size: int
    shortest: int
    alphabets: tuple[bytes, ...]
    decode: Callable[[bytes], bytes]

    def is_foreign(self, run: bytes) -> bool:
        """Whether all of the alphabets lack a character of the run."""
        return all(run.translate(None, alphabet) for alphabet in self.alphabets)


_ENCODINGS = (
    # Every run is of its alphabet; no mark has the bit.
    _Encoding("base64", 128, RUN * 3 // 4, RUN, (_BASE64,), lambda run: _base64(run.translate(_URL_SAFE))),
    _Encoding("hex", 1, RUN // 2, 2 * SHORTEST, (HEX_DIGITS,), lambda run: unhexlify(run[: len(run) & ~1])),
    _Encoding("base32", 2 | 4, RUN * 5 // 8, 26, (_BASE32_UPPER, _BASE32_LOWER),
              lambda run: _base32_bits(run.translate(_TO_INT))),
    _Encoding("base32hex", 8 | 16, RUN * 5 // 8, 26, (_BASE32_HEX, _BASE32_HEX.lower()), _base32_bits),
)  # fmt: skip


def _is_text(data: bytes) -> bool:
    """Whether `data` is UTF-8 without control characters."""
    if data.translate(None, _NOT_UNPRINTABLE):
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def text_of(data: bytes) -> bytes:
    """`data` where it reads as text, UTF-16 and UTF-32 turned into UTF-8; empty otherwise."""
    if len(data) < SHORTEST:
        return b""
    if _is_text(data):
        return data
    data = data.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").removeprefix(b"\0\0")
    bare = data.translate(None, b"\0")
    if 3 * len(bare) <= len(data) and bare.isascii() and _is_text(bare):
        # UTF-32: three of four bytes are nothing.
        return bare
    for zeros, encoding in ((data[1::2], "utf-16-le"), (data[::2], "utf-16-be")):
        if not zeros.strip(b"\0"):
            return data[: len(data) & ~1].decode(encoding, "replace").encode("utf-8", "replace")
    # A text may be followed by bytes that are none (padding, a signature): the part that reads is what counts.
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        start = error.start
        return data[:start] if start >= SHORTEST and _is_text(data[:start]) else b""
    return b""
