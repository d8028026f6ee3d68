"""Unbroken runs of letters and digits that are a text in hexadecimal, base64 or base32 (RFC 4648).

Nearly all runs are names, paths and noise, and hostile text has thousands of them. So all runs are judged by their
heads first, and the heads are decoded together, by one call for each encoding; only a run whose head could be the
start of a text is decoded alone.
"""

from __future__ import annotations

from binascii import Error as BinasciiError
from binascii import a2b_base64, unhexlify
from collections.abc import Iterator

__all__ = ["HEX_DIGITS", "RUN", "SHORTEST", "hidden_runs", "spaced_hex"]

SHORTEST = 16
"""Decoded texts below this many bytes are not looked at: no credential is that short."""
RUN = 24
"""Shortest run that is looked at, in characters; also how long a head is: a whole number of groups of each encoding."""
HEX_DIGITS = b"0123456789abcdefABCDEF"

_HEAD = RUN * 3 // 4
_HEX = frozenset(HEX_DIGITS)
_TO_BASE64 = bytes(code if (code < 128 and chr(code).isalnum()) or code in b"+/-_" else 0x20 for code in range(256))
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BASE32_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE32_LOWER = _BASE32_UPPER.lower()
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
# Characters outside hexadecimal, upper-case base32 and lower-case base32: a run with all three is none of these.
_OTHER = 1 | 2 | 4
_IS_OTHER = bytes(
    (code not in HEX_DIGITS) | (code not in _BASE32_UPPER) << 1 | (code not in _BASE32_LOWER) << 2
    for code in range(256)
)


def hidden_runs(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(encoding, text) for each run of `data`, and for each of its pieces between slashes, hyphens or underscores."""
    runs = _candidates(data)
    heads = [run[:RUN] for run in runs]
    joined = b"".join(heads)
    # Whole heads are whole groups of four, so all of them are one text to the decoder.
    decoded = a2b_base64(joined.translate(_URL_SAFE))
    noise = _marks(decoded, _HEAD, _IS_NOISE)
    other = _marks(joined, RUN, _IS_OTHER)
    for index, (run, head) in enumerate(zip(runs, heads, strict=True)):
        if noise[index] == _NOISE:
            if other[index] == _OTHER:
                continue
        else:
            first = decoded[index * _HEAD : index * _HEAD + _HEAD]
            if (first.isascii() or not first.translate(None, _NOT_UNPRINTABLE)) and _may_be_text(first):
                text = _text(_base64(run.translate(_URL_SAFE)))
                if text:
                    yield "base64", text
        if not head.translate(None, HEX_DIGITS):
            text = _hex_text(run)
            if text:
                yield "hex", text
        if head.isupper() or head.islower() or head.isdigit():
            text = _base32_text(run)
            if text:
                yield "base32", text


def _candidates(data: bytes) -> list[bytes]:
    """The runs of `data` that are long enough, then their pieces that are; none twice."""
    runs = dict.fromkeys([run for run in data.translate(_TO_BASE64).split() if len(run) >= RUN])
    whole = tuple(runs)
    for separator in (b"/", b"_", b"-"):
        if separator in data:
            pieces = [run.split(separator) for run in whole if separator in run]
            runs.update(dict.fromkeys([piece for some in pieces for piece in some if len(piece) >= RUN]))
    return list(runs)


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
    return _text(unhexlify(run[: len(run) & ~1]))


def _base32_text(run: bytes) -> bytes:
    if run.translate(None, _BASE32_UPPER) and run.translate(None, _BASE32_LOWER):
        return b""
    return _text(_base32(run)) if _is_plausible(_base32(run[:RUN])) else b""


def _is_plausible(head: bytes) -> bool:
    """Whether decoded bytes can begin a text in UTF-8 or UTF-16: the cheapest test that turns down most noise."""
    return not head.translate(None, _NOT_UNPRINTABLE) or not head[1::2].strip(b"\0") or not head[::2].strip(b"\0")


def _may_be_text(head: bytes) -> bool:
    """Whether the start of a decoded run reads as UTF-8 or as UTF-16 of Latin letters."""
    if head.isascii():
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
    size = len(token) - (len(token) % 8 in (1, 3, 6))
    whole = size * 5 // 8
    number = int(token[:size].translate(_TO_INT), 32) >> (size * 5 - whole * 8)
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


def _text(data: bytes) -> bytes:
    """`data` where it reads as text, UTF-16 turned into UTF-8; empty otherwise."""
    if len(data) < SHORTEST:
        return b""
    if _is_text(data):
        return data
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


def spaced_hex(data: bytes) -> Iterator[tuple[str, bytes]]:
    """("hex", text) for runs of byte pairs with a delimiter between them: `41:4b`, `41 4b`, `0x41, 0x4b`."""
    plain = data.replace(b"0x", b"").replace(b"0X", b"")
    for delimiter in (b":", b" ", b"-", b","):
        run: list[bytes] = []
        if plain.count(delimiter) < 15:
            continue
        for part in [*plain.replace(b", ", b",").split(delimiter), b""]:
            pair = part if len(part) == 2 else (part[-2:] if not run else part[:2])
            if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX and (len(part) == 2 or not run):
                run.append(pair)
                continue
            if len(run) >= 15:
                if len(pair) == 2 and pair[0] in _HEX and pair[1] in _HEX:
                    run.append(pair)
                decoded = _text(unhexlify(b"".join(run)))
                if decoded:
                    yield "hex", decoded
            run.clear()
