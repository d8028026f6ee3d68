"""Content codings taken off before a body is judged (RFC 9110 §8.4), at most two, bounded.

Read are gzip, deflate, br (Brotli, RFC 7932) and zstd (RFC 8878, with the window of RFC 9659).

A body that can't be read completely is not judged at all: everything unexpected is a `Fault`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import msgspec

from pipelock.model import BlockReason, Direction, Fault

__all__ = ["MAX_CODINGS", "MAX_RATIO", "Decoded", "decode_body"]

MAX_CODINGS = 2
MAX_RATIO = 200
"""How many times larger than its encoded form a body may be. JSON and HTML stay below 50; DEFLATE ends at 1032."""
_RATIO_FLOOR = 1_048_576
"""Below this size the ratio does not matter."""
_MAX_MEMBERS = 32
_GZIP = frozenset({"gzip", "x-gzip"})
_KNOWN = _GZIP | {"deflate", "br", "zstd"}
_ALWAYS_ONE = _KNOWN - {"deflate"}
"""Those of which no other reading is possible, so that a request may have them."""
_ZSTD_WINDOW = 8 << 20
_STEP = 65_536
_MAX_NAMED = 64


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A body without its codings. `codings` are those that were taken off, the outermost first."""

    data: bytes
    codings: tuple[str, ...] = ()


class _RefusedError(Exception):
    """Why a body was not decoded."""

    def __init__(self, detail: str, *, status: int, too_large: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.too_large = too_large


def decode_body(
    content_encoding: str, data: bytes, limit: int, *, direction: Direction = Direction.INBOUND
) -> Decoded | Fault:
    """Take the codings named in `content_encoding` (the field's value, several joined by commas) off `data`.

    Never holds more than `limit` bytes and one of output per coding; output is also bounded by `MAX_RATIO`. Linear in
    the bytes in and out. Refused: codings nobody here can read, more than `MAX_CODINGS`, corrupt or truncated data,
    bytes behind its end, too much output, and deflate in a request: bytes can be made that are one thing with a zlib
    header and another without, and an origin may read the other.

    Args:
        content_encoding: For example `gzip` or `deflate, gzip`; `identity` counts for nothing.
        data: The body as it was on the wire.
        limit: The most bytes of output.
        direction: Whose body it is; decides the code and the status of a fault.
    """
    known = _KNOWN if direction is Direction.INBOUND else _ALWAYS_ONE
    try:
        return _decode(content_encoding, data, limit, known)
    except _RefusedError as refusal:
        if direction is Direction.OUTBOUND:
            return Fault(BlockReason.BAD_REQUEST, refusal.detail, refusal.status)
        reason = BlockReason.RESPONSE_SIZE if refusal.too_large else BlockReason.COMPRESSED_RESPONSE
        return Fault(reason, refusal.detail, 403)


def _decode(content_encoding: str, data: bytes, limit: int, known: frozenset[str]) -> Decoded:
    named = [name.strip(" \t") for name in content_encoding[:_MAX_NAMED].lower().split(",")]
    codings = [name for name in reversed(named) if name not in {"", "identity"}]
    if len(content_encoding) > _MAX_NAMED or len(codings) > MAX_CODINGS:
        raise _RefusedError(f"the body is encoded more than {MAX_CODINGS} times", status=415)
    if not known.issuperset(codings):
        names = ", ".join(sorted(known - {"x-gzip"}))
        raise _RefusedError(f"the body is compressed in a way that cannot be scanned; {names} can", status=415)
    if not data:
        return Decoded(data)
    most = min(limit, max(_RATIO_FLOOR, MAX_RATIO * len(data)))
    for coding in codings:
        data = _READERS[coding](data, most)
    if len(data) > limit:
        raise _too_large(limit)
    return Decoded(data, tuple(codings))


def _gunzip(data: bytes, most: int) -> bytes:
    """RFC 1952: one or several members, one after the other."""
    pieces: list[bytes] = []
    size = 0
    for _ in range(_MAX_MEMBERS):
        piece, data = _member(data, most - size, 31)
        size += len(piece)
        pieces.append(piece)
        if not data:
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
    raise _RefusedError(f"the compressed body has more than {_MAX_MEMBERS} parts", status=400)


def _inflate(data: bytes, most: int) -> bytes:
    """`deflate` means the zlib format (RFC 1950); some servers send the bare one (RFC 1951). The header tells which."""
    is_zlib = len(data) >= 2 and data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0
    body, rest = _member(data, most, 15 if is_zlib else -15)
    if rest:
        raise _RefusedError("bytes follow the end of the compressed body", status=400)
    return body


def _member(data: bytes, most: int, window: int) -> tuple[bytes, bytes]:
    """Decompress one stream of at most `most` bytes; return it and the bytes behind it."""
    decompressor = zlib.decompressobj(window)
    try:
        # A max_length of 0 would mean "without limit"; one byte more than allowed tells "exactly full" from "too much".
        piece = decompressor.decompress(data, max(most, 0) + 1)
    except zlib.error as e:
        raise _RefusedError("the compressed body is corrupt", status=400) from e
    if len(piece) > most:
        raise _too_large(most)
    if not decompressor.eof:
        raise _RefusedError("the compressed body ends too early", status=400)
    return piece, decompressor.unused_data


def _unbrotli(data: bytes, most: int) -> bytes:
    # Imported here, as below: few bodies come so, and a command that judges URLs starts without.
    import brotli  # noqa: PLC0415

    stream = brotli.Decompressor()
    try:
        pieces = [bytes(stream.process(data, output_buffer_limit=most + 1))]
        size = len(pieces[0])
        while size <= most and not stream.is_finished() and not stream.can_accept_more_data():
            pieces.append(bytes(stream.process(b"", output_buffer_limit=most + 1 - size)))
            size += len(pieces[-1])
    except brotli.error as e:  # also where bytes follow the end
        raise _RefusedError("the compressed body is corrupt", status=400) from e
    if size > most:
        raise _too_large(most)
    if not stream.is_finished():
        raise _RefusedError("the compressed body ends too early", status=400)
    return b"".join(pieces)


def _unzstd(data: bytes, most: int) -> bytes:
    """One or several frames, one after the other."""
    import zstandard  # noqa: PLC0415

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    pieces: list[bytes] = []
    size = 0
    try:
        reader = decompressor.stream_reader(data, read_across_frames=True)
        while size <= most and (piece := reader.read(_STEP)):
            size += len(piece)
            pieces.append(piece)
        if size > most:
            raise _too_large(most)
        # The reader takes a frame that breaks off for a whole one. Now that the size is known, a second reading may
        # have it all at once, and says where each frame ends.
        rest = data
        for _ in range(_MAX_MEMBERS):
            frame = decompressor.decompressobj()
            frame.decompress(rest)
            if not frame.eof:
                raise _RefusedError("the compressed body ends too early", status=400)
            rest = frame.unused_data
            if not rest:
                return b"".join(pieces)
    except zstandard.ZstdError as e:
        raise _RefusedError("the compressed body is corrupt", status=400) from e
    raise _RefusedError(f"the compressed body has more than {_MAX_MEMBERS} parts", status=400)


_READERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}


def _too_large(most: int) -> _RefusedError:
    return _RefusedError(f"the body is larger than {most} bytes when decompressed", status=413, too_large=True)
