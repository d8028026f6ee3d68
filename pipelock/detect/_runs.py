"""Unbroken runs of letters and digits that are a text in hexadecimal, base64 or base32 (RFC 4648), or packed data.

Nearly all runs are names, paths and noise, and hostile text has thousands of them. So all runs are judged by their
heads first, and the heads are decoded together, by one call for each encoding; only a run whose head could be the
start of a text is decoded alone.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, unhexlify
from collections.abc import Iterator
from typing import NamedTuple

from pipelock.detect._packed import unpack, unpack_blind

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
_HEAD = RUN * 3 // 4
_HEX = frozenset(HEX_DIGITS)
_TO_BASE64 = bytes(code if (code < 128 and chr(code).isalnum()) or code in b"+/-_" else 0x20 for code in range(256))
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
_FEW = 64
# A control character beside a byte above ASCII shows that a decoded head is noise.
_NOISE = 1 | 2
_IS_NOISE = bytes((code in _UNPRINTABLE) | (code > 127) << 1 for code in range(256))
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


def hidden_runs(data: bytes, limit: int = UNPACKED) -> Iterator[Run]:
    """What hides in each run of `data`, and in each of its pieces between slashes, hyphens or underscores.

    Of compressed data at most `limit` bytes are read in all. Where nothing tells the format, the first 16 runs are
    tried.
    """
    runs, whole = _candidates(data)
    blind = 0
    heads = [run[:RUN] for run in runs]
    joined = b"".join(heads)
    # Whole heads are whole groups of four, so all of them are one text to the decoder.
    decoded = a2b_base64(joined.translate(_URL_SAFE))
    noise = _marks(decoded, _HEAD, _IS_NOISE)
    other = _marks(joined, RUN, _IS_OTHER)
    for index, (run, head) in enumerate(zip(runs, heads, strict=True)):
        if head.startswith(_PACKED_HEADS) or (blind < _BLIND and index < whole and len(run) >= _BLIND_LENGTH):
            blind += 1
            packed = _packed(run, limit)
            if packed is not None:
                limit = max(limit - len(packed.text), 0)
                yield packed
        if noise[index] == _NOISE and not head.startswith(_BYTE_ORDER_HEADS):
            if other[index] == _OTHER:
                continue
        elif _may_begin_text(decoded[index * _HEAD : index * _HEAD + _HEAD]):
            text = text_of(_base64(run.translate(_URL_SAFE)))
            if text:
                yield Run("base64", text, run)
        yield from _one_case(run, head)


def _one_case(run: bytes, head: bytes) -> Iterator[Run]:
    """A run in the encodings of which all letters have one case."""
    if not head.translate(None, HEX_DIGITS):
        text = _hex_text(run)
        if text:
            yield Run("hex", text, run)
    if head.isupper() or head.islower() or head.isdigit():
        for name, decode in (("base32", _base32_text), ("base32hex", _base32_hex_text)):
            text = decode(run)
            if text:
                yield Run(name, text, run)


# How UTF-16 with a byte order mark begins in base64.
_BYTE_ORDER_HEADS = (b"//4", b"__4", b"/v8", b"_v8")
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
    # Where hostile text has thousands of runs, the matcher would take a microsecond or more for each.
    return [run for run in data.translate(_TO_BASE64).split() if len(run) >= RUN]


def _candidates(data: bytes) -> tuple[list[bytes], int]:
    """The runs of `data` that are long enough, then their pieces that are, none twice; and how many are whole."""
    runs = dict.fromkeys(long_runs(data))
    whole = tuple(runs)
    for separator in (b"/", b"_", b"-"):
        if separator in data:
            pieces = b" ".join([run for run in whole if separator in run]).replace(separator, b" ").split()
            runs.update(dict.fromkeys([piece for piece in pieces if len(piece) >= RUN]))
    if b"+" in data:
        # UTF-7 marks its base64 with a plus sign in front, which is a sign of base64 as well.
        bare = [run.strip(b"+-") for run in runs if run.startswith(b"+")]
        runs.update(dict.fromkeys([run for run in bare if len(run) >= RUN]))
    return list(runs), len(whole)


def _marks(joined: bytes, size: int, table: bytes) -> bytes:
    """For each piece of `size` bytes of `joined`, the union of the bits that `table` gives its bytes.

    Column by column, as one large number each, so that thousands of pieces take no more steps than one has bytes. Of
    few pieces nothing is said (no bits): looking at each of them is quicker.
    """
    count = len(joined) // size
    if count < _FEW:
        return bytes(count)
    marked = joined.translate(table)
    union = 0
    for column in range(size):
        union |= int.from_bytes(marked[column::size], "little")
    return union.to_bytes(count, "little")


def _hex_text(run: bytes) -> bytes:
    if not _is_plausible(unhexlify(run[:RUN])) or run.translate(None, HEX_DIGITS):
        return b""
    return text_of(unhexlify(run[: len(run) & ~1]))


def _base32_text(run: bytes) -> bytes:
    if run.translate(None, _BASE32_UPPER) and run.translate(None, _BASE32_LOWER):
        return b""
    return text_of(_base32(run)) if _is_plausible(_base32(run[:RUN])) else b""


def _base32_hex_text(run: bytes) -> bytes:
    """The alphabet with the digits first (RFC 4648 §7), which `int` reads as it stands."""
    upper = run.upper()
    if upper.translate(None, _BASE32_HEX) or not _is_plausible(_base32_bits(upper[:RUN])):
        return b""
    return text_of(_base32_bits(upper))


def _is_plausible(head: bytes) -> bool:
    """Whether decoded bytes can begin a text in UTF-8 or UTF-16: the cheapest test that turns down most noise."""
    return not head.translate(None, _NOT_UNPRINTABLE) or not head[1::2].strip(b"\0") or not head[::2].strip(b"\0")


def _may_begin_text(head: bytes) -> bool:
    """Whether what a head was decoded to can begin a text."""
    head = head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")
    return (head.isascii() or not head.translate(None, _NOT_UNPRINTABLE)) and _may_be_text(head)


def _may_be_text(head: bytes) -> bool:
    """Whether the start of a decoded run reads as UTF-8 or as UTF-16 of Latin letters."""
    if head.isascii():
        if 3 * head.count(0) >= 2 * len(head):
            return not head.translate(None, _PRINTABLE + b"\0")
        return not head.translate(None, _PRINTABLE) or not head[1::2].strip(b"\0") or not head[::2].strip(b"\0")
    return len(head.decode("utf-8", "ignore").encode()) >= len(head) - 3


def _base64(token: bytes) -> bytes:
    if len(token) % 4 == 1:
        token = token[:-1]
    try:
        return a2b_base64(token + b"=" * (-len(token) % 4))
    except BinasciiError:
        return b""


def _base32(token: bytes) -> bytes:
    """Base32 without padding, in one case; `int` reads the digits in linear time, as 32 is a power of two."""
    return _base32_bits(token.translate(_TO_INT))


def _base32_bits(digits: bytes) -> bytes:
    size = len(digits) - (len(digits) % 8 in (1, 3, 6))
    whole = size * 5 // 8
    number = int(digits[:size], 32) >> (size * 5 - whole * 8)
    return number.to_bytes(whole, "big")


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
