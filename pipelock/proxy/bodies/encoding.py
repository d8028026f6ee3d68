"""Content codings taken off a body that is held whole, before it is judged.

A body that can't be read completely is not judged at all: everything unexpected is a `Fault`.
"""

from __future__ import annotations

import msgspec

from pipelock.model import Direction, Fault
from pipelock.proxy.bodies.decoder import MAX_CODINGS, MAX_RATIO, CodingError, StreamDecoder, too_large

__all__ = ["MAX_CODINGS", "MAX_RATIO", "Decoded", "decode_body"]


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """A body without its codings. `codings` are those that were taken off, the outermost first."""

    data: bytes
    codings: tuple[str, ...] = ()


def decode_body(
    content_encoding: str, data: bytes, limit: int, *, direction: Direction = Direction.INBOUND
) -> Decoded | Fault:
    """Take the codings named in `content_encoding` (the field's value, several joined by commas) off `data`.

    Never holds more than about `limit` bytes of output, and what `StreamDecoder` holds; refuses what that refuses, and
    more than `limit` bytes of output. Linear in the bytes in and out.

    Args:
        content_encoding: For example `gzip` or `deflate, gzip`; `identity` counts for nothing.
        data: The body as it was on the wire.
        limit: The most bytes of output.
        direction: Whose body it is; decides the code and the status of a fault.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        decoder = StreamDecoder(content_encoding, direction)
        decoder.feed(data)
        for piece in decoder.finish():
            size += len(piece)
            if size > limit:
                return too_large(limit, direction)
            pieces.append(piece)
    except CodingError as error:
        return error.fault
    return Decoded(pieces[0] if len(pieces) == 1 else b"".join(pieces), decoder.codings if data else ())
