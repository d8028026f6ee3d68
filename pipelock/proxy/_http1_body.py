"""Where a body ends: three framings (RFC 9112 §6 and §7.1).

Each takes bytes and returns the pieces of body in them and, once the body is complete, whatever followed it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pipelock.proxy._http1_errors import RemoteProtocolError
from pipelock.proxy._http1_events import Headers, Limits
from pipelock.proxy._http1_syntax import FIELD_BYTES, TOKEN_BYTES

__all__ = ["Body", "ChunkedBody", "CloseDelimitedBody", "LengthBody"]

_HEX = b"0123456789abcdefABCDEF"
# Eight digits are 4 GiB in one chunk. More digits are how an overflow in somebody else's parser is reached.
_MAX_SIZE_DIGITS = 8
# A trailer that changes framing, routing, who asks or what the body is attacks whoever merges trailers into the head
# (RFC 9110 §6.5.1).
_FORBIDDEN_TRAILERS = frozenset(
    {
        *("content-length", "transfer-encoding", "host", "trailer", "connection", "te", "upgrade", "expect"),
        *("content_length", "transfer_encoding", "content-encoding", "content-type", "content-range", "location"),
        *("authorization", "proxy-authorization", "proxy-authenticate", "www-authenticate", "cookie", "set-cookie"),
    }
)


class Body(Protocol):
    """A framing that is being read."""

    @property
    def trailers(self) -> Headers:
        """The fields behind the body; only chunks can have them."""

    def feed(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """Take `data`; return body pieces and, when the body is complete, the bytes behind it, else `None`."""


class LengthBody:
    """A body of a known number of bytes."""

    trailers: Headers = ()

    def __init__(self, length: int) -> None:
        self._left = length

    def feed(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """See `Body.feed`."""
        if len(data) < self._left:
            self._left -= len(data)
            return ([data] if data else []), None
        piece, rest = data[: self._left], data[self._left :]
        self._left = 0
        return ([piece] if piece else []), rest


class CloseDelimitedBody:
    """A body that lasts until the connection does."""

    trailers: Headers = ()

    def feed(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """See `Body.feed`."""
        return ([data] if data else []), None


class ChunkedBody:
    """The chunked transfer coding (RFC 9112 §7.1). Trailers are read like the fields of a head.

    Args:
        limits: `chunk_line`, `trailers` and `fields` apply.
        status: The status of the errors raised: 400 for a request, 502 for a response.
        extensions: Whether chunk extensions are tolerated (and dropped).
    """

    def __init__(self, limits: Limits, *, status: int, extensions: bool) -> None:
        self._limits = limits
        self._status = status
        self._extensions = extensions
        self._held = b""
        self._step: Callable[[bytes, int, list[bytes]], int] = self._read_size
        self._done = False
        self._left = 0
        self._trailer_bytes = 0
        self._trailers: list[tuple[str, str]] = []

    @property
    def trailers(self) -> Headers:
        """The trailer fields read so far."""
        return tuple(self._trailers)

    def feed(self, data: bytes) -> tuple[list[bytes], bytes | None]:
        """See `Body.feed`."""
        if self._held:
            # What is held is an unfinished line, so never longer than one.
            data = self._held + data
            self._held = b""
        pieces: list[bytes] = []
        at = 0
        while True:
            if self._step == self._read_size:
                at = self._read_whole_chunks(data, at, pieces)
            after = self._step(data, at, pieces)
            if after < 0:
                return pieces, None
            at = after
            if self._done:
                return pieces, data[at:]

    @staticmethod
    def _read_whole_chunks(data: bytes, at: int, pieces: list[bytes]) -> int:
        """Take the chunks at `at` that are complete and plain; whatever else comes is left to the careful steps.

        Chunks of a byte or two are cheap to send, so they must be cheap to read.
        """
        while True:
            end = data.find(b"\r\n", at, at + _MAX_SIZE_DIGITS + 2)
            size = data[at:end] if end > at else b""
            if not size or size.translate(None, _HEX):
                return at
            start = end + 2
            stop = start + int(size, 16)
            if stop == start or data[stop : stop + 2] != b"\r\n":
                return at
            pieces.append(data[start:stop])
            at = stop + 2

    def _read_size(self, data: bytes, at: int, _pieces: list[bytes]) -> int:
        line, after = self._line(data, at, self._limits.chunk_line)
        if line is None:
            return -1
        size, semicolon, extension = line.partition(b";")
        if not size or len(size) > _MAX_SIZE_DIGITS or size.translate(None, _HEX):
            raise self._error("A chunk size is not one to eight hexadecimal digits.")
        if semicolon and (not self._extensions or extension.translate(None, FIELD_BYTES)):
            raise self._error("Chunk extensions are not accepted.")
        self._left = int(size, 16)
        self._step = self._read_data if self._left else self._read_trailer
        return after

    def _read_data(self, data: bytes, at: int, pieces: list[bytes]) -> int:
        piece = data[at : at + self._left]
        if piece:
            pieces.append(piece)
        self._left -= len(piece)
        if self._left:
            return -1
        self._step = self._read_data_end
        return at + len(piece)

    def _read_data_end(self, data: bytes, at: int, _pieces: list[bytes]) -> int:
        end = data[at : at + 2]
        if not b"\r\n".startswith(end):
            raise self._error("A chunk is longer than its size says.")
        if len(end) < 2:
            self._held = end
            return -1
        self._step = self._read_size
        return at + 2

    def _read_trailer(self, data: bytes, at: int, _pieces: list[bytes]) -> int:
        line, after = self._line(data, at, self._limits.trailers)
        if line is None:
            return -1
        if not line:
            self._done = True
            return after
        self._trailer_bytes += len(line) + 2
        if self._trailer_bytes > self._limits.trailers or len(self._trailers) >= self._limits.fields:
            raise self._error("The trailers are too long.")
        name, colon, value = line.partition(b":")
        if not colon or not name or name.translate(None, TOKEN_BYTES) or value.translate(None, FIELD_BYTES):
            raise self._error("A trailer is not a header field.")
        lowered = name.lower().decode("ascii")
        if lowered in _FORBIDDEN_TRAILERS:
            raise self._error("A trailer tries to change framing or routing.")
        self._trailers.append((lowered, value.strip(b" \t").decode("latin-1")))
        return after

    def _line(self, data: bytes, at: int, limit: int) -> tuple[bytes | None, int]:
        end = data.find(b"\r\n", at, at + limit + 2)
        line = data[at:end] if end >= 0 else data[at : at + limit + 2]
        if b"\n" in line or b"\r" in (line if end >= 0 else line[:-1]):
            raise self._error("A line of the chunked coding ends in something other than CR LF.")
        if end >= 0:
            return line, end + 2
        if len(line) > limit + 1:
            raise self._error("A line of the chunked coding is too long.")
        self._held = line
        return None, -1

    def _error(self, message: str) -> RemoteProtocolError:
        return RemoteProtocolError(self._status, message)
