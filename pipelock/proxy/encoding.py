"""Content codings taken off before a body is judged (RFC 9110 §8.4): gzip and deflate, at most two, bounded.

A body that can't be read completely is not judged at all: everything unexpected is a `Fault`.
"""

from __future__ import annotations

import zlib

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
_KNOWN = _GZIP | {"deflate"}
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
    known = _KNOWN if direction is Direction.INBOUND else _GZIP
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
        names = "gzip can" if known is _GZIP else "gzip and deflate can"
        raise _RefusedError(f"the body is compressed in a way that cannot be scanned; {names}", status=415)
    if not data:
        return Decoded(data)
    most = min(limit, max(_RATIO_FLOOR, MAX_RATIO * len(data)))
    for coding in codings:
        data = _gunzip(data, most) if coding in _GZIP else _inflate(data, most)
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


def _too_large(most: int) -> _RefusedError:
    return _RefusedError(f"the body is larger than {most} bytes when decompressed", status=413, too_large=True)
