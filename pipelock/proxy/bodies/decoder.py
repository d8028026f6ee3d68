"""Content codings taken off a body while it arrives (RFC 9110 §8.4), at most two, in bounded memory.

Read are gzip, deflate, br (Brotli, RFC 7932) and zstd (RFC 8878, with the window of RFC 9659). The decoder is asked for
decoded bytes, and inflates no more than was asked for: a bomb waits in its compressed form until somebody wants it.

Everything unexpected is a `CodingError`, whose `fault` has the words: what can't be read completely is not judged.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from pipelock.model import BlockReason, Direction, Fault
from pipelock.proxy.bodies._zstd import ZstdCuts

if TYPE_CHECKING:
    import brotli
    import zstandard

__all__ = ["MAX_CODINGS", "MAX_RATIO", "STEP", "CodingError", "StreamDecoder", "too_large"]

MAX_CODINGS = 2
MAX_RATIO = 200
"""How many times larger than its encoded form a body may be. JSON and HTML stay below 50; DEFLATE ends at 1032."""
STEP = 65_536
"""Bytes that are decoded at once, about: what br and zstd give may be twice as much."""
_RATIO_FLOOR = 1_048_576
"""Below this size the ratio does not matter."""
_SILENT = 1_048_576
"""Bytes of a layer that come to nothing, one after the other, before the body is refused."""
_MAX_MEMBERS = 32
_GZIP = frozenset({"gzip", "x-gzip"})
_KNOWN = _GZIP | {"deflate", "br", "zstd"}
_ALWAYS_ONE = _KNOWN - {"deflate"}
"""Those of which no other reading is possible, so that a request may have them."""
_ZSTD_WINDOW = 8 << 20
_MAX_NAMED = 64


class CodingError(Exception):
    """A body that is not decoded; `fault` is what is said of it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


class _RefusedError(Exception):
    """Why a body was not decoded, whoever sent it."""

    def __init__(self, detail: str, *, status: int = 400, too_large: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.too_large = too_large


class _Layer(Protocol):
    """One coding. Fed only when `read` has nothing more to give."""

    def feed(self, data: bytes) -> None:
        """Take encoded bytes, at most `STEP` on the outermost layer."""

    def read(self) -> bytes:
        """The next decoded bytes, at most about `STEP`; none where more has to be fed."""

    def close(self) -> None:
        """There is no more: refuse what ends too early."""


class StreamDecoder:
    """Takes the codings named in `codings` (the field's value, several joined by commas) off a body.

    Holds the encoded bytes it was fed and has not been asked to decode yet (the caller's to bound), and the state of
    the decoders: 32 KiB for gzip and deflate, up to 16 MiB for br, 8 MiB for zstd. Linear in the bytes in and out.

    Refused, besides what is corrupt or breaks off: codings nobody here can read, more than `MAX_CODINGS`, bytes behind
    the end, more than 32 members or frames, zstd in blocks of next to nothing, 1 MiB on end that comes to nothing,
    deflate in a request (bytes can be made that are one thing with a zlib header and another without), and output of
    more than `MAX_RATIO` times what was fed so far, from 1 MiB on. The last bounds the work of a whole stream by its
    length on the wire; memory is bounded in any case.

    Args:
        codings: For example `gzip` or `deflate, gzip`; `identity` counts for nothing.
        direction: Whose body it is; decides the code and the status of a fault.

    Raises:
        CodingError: it can't be read; also by `read` and what calls it.
    """

    def __init__(self, codings: str, direction: Direction = Direction.INBOUND) -> None:
        self._direction = direction
        try:
            self.codings = _named(codings, _KNOWN if direction is Direction.INBOUND else _ALWAYS_ONE)
        except _RefusedError as refusal:
            raise CodingError(_fault(refusal, direction)) from refusal
        self._layers: list[_Layer] = [_LAYERS[name]() for name in self.codings]
        self._sizes = [0] * len(self._layers)
        self._silent = [0] * len(self._layers)
        self._waiting: deque[bytes] = deque()
        self._fed = 0
        self._ended = False
        self.waiting = 0
        """Encoded bytes that were fed and not looked at yet."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take encoded bytes; yields decoded pieces, of at most 128 KiB where there is a coding.

        What is not taken from the iterator is not decoded, and comes with the next one, or with `read`.
        """
        if data:
            self._fed += len(data)
            self.waiting += len(data)
            if len(data) <= STEP or not self._layers:
                self._waiting.append(data)
            else:
                # Decoders hand back what they did not get to; of large pieces that would be copied again and again.
                self._waiting.extend(data[start : start + STEP] for start in range(0, len(data), STEP))
        return iter(self.read, b"")

    def finish(self) -> Iterator[bytes]:
        """The body is complete; yields the rest of it, and raises where it breaks off."""
        self._ended = True
        return iter(self.read, b"")

    def read(self) -> bytes:
        """The next decoded piece; empty where more must be fed, or all was read.

        Raises:
            CodingError: the body can't be read; do not go on.
        """
        try:
            piece = self._pull(len(self._layers) - 1)
            if not piece and self._ended and self._fed:
                for layer in self._layers:
                    layer.close()
        except _RefusedError as refusal:
            raise CodingError(_fault(refusal, self._direction)) from refusal
        return piece

    def _pull(self, level: int) -> bytes:
        """What the layer of that number (the outermost is 0) gives next."""
        if level < 0:
            if not self._waiting:
                return b""
            data = self._waiting.popleft()
            self.waiting -= len(data)
            return data
        layer = self._layers[level]
        while not (piece := layer.read()):
            data = self._pull(level - 1)
            if not data:
                return b""
            layer.feed(data)
            self._silent[level] += len(data)
            if self._silent[level] > _SILENT:
                raise _RefusedError(_CRUMBLED)
        self._silent[level] = 0
        self._sizes[level] += len(piece)
        most = max(_RATIO_FLOOR, MAX_RATIO * self._fed)
        if self._sizes[level] > most:
            raise _RefusedError(_too_large(most), status=413, too_large=True)
        return piece


class _Zlib:
    """gzip (RFC 1952): members, one after the other; with another `wbits` one stream in the formats of zlib."""

    def __init__(self, wbits: int = 31, members: int = _MAX_MEMBERS) -> None:
        self._wbits = wbits
        self._left = members - 1
        self._members = members
        self._stream = zlib.decompressobj(wbits)
        self._data = b""

    def feed(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        while True:
            if self._stream.eof:
                if not self._data:
                    return b""
                self._next_member()
            try:
                piece = self._stream.decompress(self._data, STEP)
            except zlib.error as e:
                raise _RefusedError(_CORRUPT) from e
            self._data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece or not self._data:
                return piece

    def _next_member(self) -> None:
        if self._members == 1:
            raise _RefusedError("bytes follow the end of the compressed body")
        if not self._left:
            raise _RefusedError(_TOO_MANY)
        self._left -= 1
        self._stream = zlib.decompressobj(self._wbits)

    def close(self) -> None:
        if not self._stream.eof:
            raise _RefusedError(_TOO_EARLY)


class _Deflate:
    """`deflate` means the zlib format (RFC 1950); some servers send the bare one (RFC 1951). The header tells which."""

    def __init__(self) -> None:
        self._start = b""
        self._stream: _Zlib | None = None

    def feed(self, data: bytes) -> None:
        if self._stream is None:
            data = self._start = self._start + data
            if len(data) < 2:
                return
            is_zlib = data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] << 8 | data[1]) % 31 == 0
            self._stream = _Zlib(15 if is_zlib else -15, members=1)
        self._stream.feed(data)

    def read(self) -> bytes:
        return b"" if self._stream is None else self._stream.read()

    def close(self) -> None:
        if self._stream is None:
            raise _RefusedError(_TOO_EARLY)
        self._stream.close()


class _Brotli:
    """br: one stream, and nothing behind it."""

    def __init__(self) -> None:
        # Imported here, as below: few bodies come so, and a command that judges URLs starts without.
        import brotli  # noqa: PLC0415

        self._error = brotli.error
        self._stream: brotli.Decompressor = brotli.Decompressor()
        self._data = b""
        self._drained = True

    def feed(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        stream = self._stream
        try:
            while not stream.is_finished():
                # What it took and did not get to it keeps; that it takes more does not say that there is nothing.
                data = self._data if stream.can_accept_more_data() else b""
                if not data and self._drained:
                    return b""
                if data:
                    self._data = b""
                piece = bytes(stream.process(data, output_buffer_limit=STEP))
                self._drained = not piece and stream.can_accept_more_data()
                if piece:
                    return piece
        except self._error as e:  # also where bytes follow the end
            raise _RefusedError(_CORRUPT) from e
        if self._data:
            raise _RefusedError(_CORRUPT)
        return b""

    def close(self) -> None:
        if not self._stream.is_finished():
            raise _RefusedError(_TOO_EARLY)


class _Zstd:
    """zstd: frames, one after the other. Its decoder can't be asked for little, so it is fed block by block."""

    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415

        self._error = zstandard.ZstdError
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._cuts = ZstdCuts(STEP)
        self._frames = 0
        self._data = b""

    def feed(self, data: bytes) -> None:
        self._data += data

    def read(self) -> bytes:
        start = 0
        piece = b""
        while not piece and (size := self._cuts.next(self._data, start)):
            piece = self._decode(self._data[start : start + size])
            start += size
        if self._cuts.is_crumbled:
            raise _RefusedError(_CRUMBLED)
        self._data = self._data[start:]
        return piece

    def _decode(self, data: bytes) -> bytes:
        if self._frame is None or self._frame.eof:
            if self._frames == _MAX_MEMBERS:
                raise _RefusedError(_TOO_MANY)
            self._frames += 1
            self._frame = self._decompressor.decompressobj()
        try:
            piece = self._frame.decompress(data)
        except self._error as e:
            raise _RefusedError(_CORRUPT) from e
        if self._frame.eof and self._frame.unused_data:
            # Frames were told apart otherwise than the decoder does: never, unless one of the two is wrong.
            raise _RefusedError(_CORRUPT)
        return piece

    def close(self) -> None:
        if self._data or self._frame is None or not self._frame.eof:
            raise _RefusedError(_TOO_EARLY)


_LAYERS: dict[str, Callable[[], _Layer]] = {
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
_CORRUPT = "the compressed body is corrupt"
_TOO_EARLY = "the compressed body ends too early"
_CRUMBLED = "the compressed body is cut into more blocks, or has more padding, than any compressor makes"
_TOO_MANY = f"the compressed body has more than {_MAX_MEMBERS} parts"


def _named(codings: str, known: frozenset[str]) -> tuple[str, ...]:
    """The codings to take off, the outermost first."""
    every = [name.strip(" \t") for name in codings[:_MAX_NAMED].lower().split(",")]
    named = [name for name in reversed(every) if name not in {"", "identity"}]
    if len(codings) > _MAX_NAMED or len(named) > MAX_CODINGS:
        raise _RefusedError(f"the body is encoded more than {MAX_CODINGS} times", status=415)
    if not known.issuperset(named):
        names = ", ".join(sorted(known - {"x-gzip"}))
        raise _RefusedError(f"the body is compressed in a way that cannot be scanned; {names} can", status=415)
    return tuple(named)


def too_large(most: int, direction: Direction) -> Fault:
    """What is said of a body of more than `most` bytes when decoded."""
    return _fault(_RefusedError(_too_large(most), status=413, too_large=True), direction)


def _too_large(most: int) -> str:
    return f"the body is larger than {most} bytes when decompressed"


def _fault(refusal: _RefusedError, direction: Direction) -> Fault:
    if direction is Direction.OUTBOUND:
        return Fault(BlockReason.BAD_REQUEST, refusal.detail, refusal.status)
    reason = BlockReason.RESPONSE_SIZE if refusal.too_large else BlockReason.COMPRESSED_RESPONSE
    return Fault(reason, refusal.detail, 403)
