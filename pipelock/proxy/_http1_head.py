"""From the bytes of a head to its fields: collecting, strict checks, tokenising.

httptools (llhttp) splits a complete head into fields. Around it stand the checks that llhttp leaves out, done on the
raw bytes first, so that neither parser has to be trusted alone. A parser lives for one head and never sees a body:
where a message ends is decided in `_http1_body`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import httptools
import msgspec

from pipelock.proxy._http1_errors import RemoteProtocolError
from pipelock.proxy._http1_events import Headers, Limits
from pipelock.proxy._http1_syntax import FIELD_BYTES, TOKEN_BYTES

__all__ = ["Framing", "HeadBuffer", "read_fields", "read_framing"]

# CGI-style servers read `Content_Length` as `Content-Length`.
_LOOKALIKES = frozenset({"content_length", "transfer_encoding"})
_FRAMING_NAMES = _LOOKALIKES | {"host", "content-length", "transfer-encoding", "connection", "expect"}
# 15 digits are just under a petabyte and far from what overflows a 64-bit counter.
_MAX_LENGTH_DIGITS = 15


class LineCheck(Protocol):
    """Checks a start line without its CR LF; raises `RemoteProtocolError`."""

    def __call__(self, line: bytes, /) -> object:
        """Look at `line`."""


class HeadBuffer:
    """Collects a head and refuses as soon as what came can't become one. Work is linear in the bytes fed.

    Args:
        limits: `head` and `target` apply.
        status: The status of errors: 400 for requests, 502 for responses.
        check_line: Looks at the start line as soon as it is there.
    """

    def __init__(self, limits: Limits, status: int, check_line: LineCheck) -> None:
        self._limits = limits
        self._status = status
        self._check_line = check_line
        self._bytes = bytearray()
        self._seen = 0
        self._line_seen = False
        self._may_skip_line = status != 502

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Take `data`; return the head (with its empty line) and what followed it once it is complete."""
        if not self._bytes and data[:1] != b"\r":
            # Most heads come whole: nothing is copied then.
            found = data.find(b"\r\n\r\n")
            if 0 <= found <= self._limits.head - 4:
                return self._checked(data[: found + 4]), data[found + 4 :]
        held = self._bytes
        held += data
        if held[:1] == b"\r" and not self._skip_empty_line():
            return None
        found = held.find(b"\r\n\r\n", max(0, self._seen - 3))
        end = found + 4 if found >= 0 else len(held)
        if end > self._limits.head:
            raise self._overflow()
        if found < 0:
            self._check_early()
            return None
        head, rest = bytes(held[:end]), bytes(held[end:])
        held.clear()
        self._seen = 0
        self._line_seen = False
        return self._checked(head), rest

    def _checked(self, head: bytes) -> bytes:
        # Line ends taken out, every other control character left is one too many, a lone CR or LF included.
        if head.replace(b"\r\n", b"").translate(None, FIELD_BYTES):
            raise self._bad_bytes(head)
        self._may_skip_line = self._status != 502
        return head

    def is_idle(self) -> bool:
        """Whether nothing of a head has come."""
        return not self._bytes

    def _skip_empty_line(self) -> bool:
        # RFC 9112 §2.2: one empty line before a request is the trace of old clients. Two are somebody's padding.
        if not self._may_skip_line:
            raise RemoteProtocolError(self._status, "The message begins with empty lines.")
        if len(self._bytes) == 1:
            return False
        if self._bytes[1:2] != b"\n":
            raise RemoteProtocolError(self._status, "The message begins with a lone CR.")
        del self._bytes[:2]
        self._may_skip_line = False
        if self._bytes[:1] == b"\r":
            raise RemoteProtocolError(self._status, "The message begins with empty lines.")
        return bool(self._bytes)

    def _check_early(self) -> None:
        held = self._bytes
        start = self._seen - 1 if self._seen and held[self._seen - 1] == 0x0D else self._seen
        fresh = bytes(held[start:])
        whole = fresh[:-1] if fresh.endswith(b"\r") else fresh
        if whole.replace(b"\r\n", b"").translate(None, FIELD_BYTES):
            raise self._bad_bytes(whole)
        if not self._line_seen:
            line_end = held.find(b"\r\n", start)
            if line_end >= 0:
                self._check_line(bytes(held[:line_end]))
                self._line_seen = True
        self._seen = len(held)

    def _bad_bytes(self, data: bytes) -> RemoteProtocolError:
        if data.translate(None, FIELD_BYTES + b"\r\n"):
            return RemoteProtocolError(self._status, "The head holds control characters.")
        return RemoteProtocolError(self._status, "A line of the head ends in something other than CR LF.")

    def _overflow(self) -> RemoteProtocolError:
        if self._status == 502:
            return RemoteProtocolError(502, "The head of the response is too large.")
        if self._bytes.find(b"\r\n", 0, self._limits.target + 64) < 0:
            return RemoteProtocolError(414, "The request target is too long.")
        return RemoteProtocolError(431, "The header fields are too large.")


class _Fields:
    """What httptools calls back."""

    __slots__ = ("names", "values")

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.values: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field; llhttp has taken the white space before the value away and left that behind it."""
        self.names.append(name)
        self.values.append(value)


def read_fields(head: bytes, limits: Limits, *, is_request: bool) -> tuple[Headers, tuple[int, ...]]:
    """Split a checked `head` into fields; say also which of them matter to `read_framing`.

    Raises `RemoteProtocolError` for whatever llhttp or we refuse.
    """
    status = 400 if is_request else 502
    fields = _Fields()
    parser = (httptools.HttpRequestParser if is_request else httptools.HttpResponseParser)(fields)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        # Raised for CONNECT and Upgrade once all fields were delivered; there is nothing behind the head here.
        pass
    except httptools.HttpParserError as e:
        raise RemoteProtocolError(status, "The header fields are malformed or contradict each other.") from e
    count = len(fields.names)
    # Every field is one line, start line and empty line apart: nothing was folded, merged or skipped.
    if count != head.count(b"\r\n") - 2:
        raise RemoteProtocolError(status, "The header fields are malformed.")
    if count > limits.fields:
        raise RemoteProtocolError(431 if is_request else 502, "There are too many header fields.")
    if not count:
        return (), ()
    written = b"\n".join(fields.names)
    known = _known_names(written) if len(written) <= _MAX_CACHED_NAMES else _read_names(written)
    if known is None:
        raise RemoteProtocolError(status, "The name of a header field is not a token.")
    # Decoded in one go: the raw head was checked to hold a line feed at line ends only.
    values = b"\n".join(fields.values).decode("latin-1").split("\n")
    return tuple(zip(known[0], [value.strip(" \t") for value in values], strict=True)), known[1]


def _read_names(written: bytes) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    """The names in `written`, one a line, in lower case, and the places of those that frame; `None` for a bad one."""
    lines = written.count(b"\n")
    if written.translate(None, TOKEN_BYTES) != b"\n" * lines:
        return None
    names = tuple(written.lower().decode("ascii").split("\n"))
    return names, tuple([place for place, name in enumerate(names) if name in _FRAMING_NAMES])


# A client sends the same names with nearly every request. 256 entries of at most 1 KiB are bounded well enough.
_MAX_CACHED_NAMES = 1024
_known_names = lru_cache(maxsize=256)(_read_names)


class Framing(msgspec.Struct, gc=False):
    """What the fields say about where the message ends and what the sender wants."""

    host: str | None = None
    content_length: int | None = None
    chunked: bool = False
    connection: frozenset[str] = frozenset()
    expect: str = ""


def read_framing(headers: Headers, places: tuple[int, ...], *, version: str, status: int) -> Framing:
    """Read the fields at `places`, which decide framing (RFC 9112 §6.1, §6.3); none may contradict another."""
    framing = Framing()
    connection = ""
    for place in places:
        name, value = headers[place]
        if name == "host":
            if framing.host is not None:
                raise RemoteProtocolError(status, "There is more than one Host.")
            framing.host = value
        elif name == "connection":
            connection = f"{connection},{value}" if connection else value
        elif name == "expect":
            framing.expect = f"{framing.expect},{value}" if framing.expect else value
        else:
            _read_length(framing, name, value, version, status)
    if framing.chunked and framing.content_length is not None:
        raise RemoteProtocolError(status, "Content-Length and Transfer-Encoding contradict each other.")
    if connection:
        framing.connection = frozenset([option.strip(" \t") for option in connection.lower().split(",")])
    return framing


def _read_length(framing: Framing, name: str, value: str, version: str, status: int) -> None:
    if name in _LOOKALIKES:
        raise RemoteProtocolError(status, "A header field poses as one that frames the message.")
    if name == "content-length":
        if framing.content_length is not None:
            raise RemoteProtocolError(status, "There is more than one Content-Length.")
        framing.content_length = _length(value, status)
    else:
        if framing.chunked or version != "1.1" or value.lower() != "chunked":
            raise RemoteProtocolError(status, "Transfer-Encoding is something other than one `chunked`.")
        framing.chunked = True


def _length(value: str, status: int) -> int:
    plain = value.isascii() and value.isdigit() and len(value) <= _MAX_LENGTH_DIGITS
    if not plain or (value[0] == "0" and value != "0"):
        raise RemoteProtocolError(status, "Content-Length is not a plain decimal number.")
    return int(value)
