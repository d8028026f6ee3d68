"""Compressed data: gzip (RFC 1952), zlib (RFC 1950), deflate (RFC 1951), Zstandard (RFC 8878), Brotli (RFC 7932).

The first three and Zstandard say what they are in their first bytes; of deflate without a head and of Brotli only a
stream that ends where it should and holds text is believed. Every call states how much it may produce and stops there,
so a bomb costs no more than its limit. Brotli and Zstandard are read where their packages are installed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["MAGIC", "Unpacked", "is_packed", "packed_parts", "unpack", "unpack_blind"]

MAGIC = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes by which a compressed stream is known wherever it stands."""
_ZLIB = tuple(bytes((0x78, second)) for second in (0x01, 0x5E, 0x9C, 0xDA))
_PLACES = 16
"""Streams that are looked for in one text."""
_STEP = 65_536
_RAW = -15
_GZIP = 31


class Unpacked(NamedTuple):
    """What a stream held.

    Attributes:
        name: The format.
        data: The plain bytes, at most as many as were allowed.
        cut: There is more, which was not read.
    """

    name: str
    data: bytes
    cut: bool


def unpack(data: bytes, limit: int) -> Unpacked | None:
    """The stream that `data` begins with, where its first bytes name a format; at most `limit` bytes of it.

    A stream that breaks off or is damaged gives what could be read; `None` where that is nothing.
    """
    for magic, name in MAGIC.items():
        if data.startswith(magic):
            return _zstd(data, limit) if name == "zstd" else _inflate(data, limit, _GZIP, name)
    if data.startswith(_ZLIB):
        return _inflate(data, limit, zlib.MAX_WBITS, "zlib")
    return None


def unpack_blind(data: bytes, limit: int) -> Unpacked | None:
    """`data` as deflate or Brotli without a head: believed only if the stream ends in `data` and is ASCII text."""
    for attempt in (_deflate, _brotli):
        found = attempt(data, limit)
        if found is not None and not found.cut and found.data.isascii():
            return found
    return None


def is_packed(data: bytes) -> bool:
    """Whether `packed_parts` may find anything."""
    return data.startswith(_ZLIB) or any(magic in data for magic in MAGIC)


def packed_parts(data: bytes, limit: int) -> Iterator[tuple[int, Unpacked]]:
    """(offset, what it held) for streams anywhere in `data`: 16 places at most, `limit` bytes in all."""
    places = 0
    for magic in MAGIC:
        at = data.find(magic)
        while at >= 0 and places < _PLACES:
            places += 1
            found = unpack(data[at:], limit)
            if found is not None:
                limit -= len(found.data)
                yield at, found
            at = data.find(magic, at + 1)
    if data.startswith(_ZLIB):
        found = unpack(data, limit)
        if found is not None:
            yield 0, found


def _inflate(data: bytes, limit: int, window: int, name: str) -> Unpacked | None:
    stream = zlib.decompressobj(window)
    return _collected(name, limit, lambda: _inflated(stream, data, limit))


def _inflated(stream: Any, data: bytes, limit: int) -> Iterator[bytes]:  # noqa: ANN401 - zlib names no such type
    """In steps, so that a stream that breaks off gives what came before."""
    spent = 0
    while data and not stream.eof and spent <= limit:
        piece = stream.decompress(data, _STEP)
        data = stream.unconsumed_tail
        spent += len(piece)
        yield piece


def _deflate(data: bytes, limit: int) -> Unpacked | None:
    stream = zlib.decompressobj(_RAW)
    try:
        plain = stream.decompress(data, limit)
    except zlib.error:
        return None
    # Padding of the outer encoding may follow, nothing longer.
    return Unpacked("deflate", plain, cut=False) if plain and stream.eof and len(stream.unused_data) < 4 else None


def _brotli(data: bytes, limit: int) -> Unpacked | None:
    brotli = _optional("brotli")
    if brotli is None:
        return None
    stream = brotli.Decompressor()
    try:
        plain = bytes(stream.process(data, output_buffer_limit=limit))
    except brotli.error:
        return None
    return Unpacked("brotli", plain, cut=False) if plain and stream.is_finished() else None


def _zstd(data: bytes, limit: int) -> Unpacked | None:
    zstandard = _optional("zstandard")
    if zstandard is None:
        return None
    reader = zstandard.ZstdDecompressor(max_window_size=8 << 20).stream_reader(data)
    return _collected("zstd", limit, lambda: _read(reader, limit))


def _read(reader: Any, limit: int) -> Iterator[bytes]:  # noqa: ANN401 - an optional package
    spent = 0
    while spent <= limit:
        piece = reader.read(_STEP)
        if not piece:
            return
        spent += len(piece)
        yield piece


def _collected(name: str, limit: int, source: Callable[[], Iterator[bytes]]) -> Unpacked | None:
    pieces: list[bytes] = []
    try:
        pieces.extend(source())
    except (zlib.error, EOFError):
        pass
    except Exception as error:
        # The optional packages have exceptions of their own, which can't be named without importing them.
        if type(error).__module__.partition(".")[0] not in ("zstandard", "brotli"):
            raise
    plain = b"".join(pieces)
    return Unpacked(name, plain[:limit], len(plain) > limit) if plain else None


def _optional(name: str) -> Any:  # noqa: ANN401 - a module or nothing
    """The package `name`; `None` where it is not installed. Imported when first needed: few texts are compressed."""
    try:
        return import_module(name)
    except ImportError:
        return None
