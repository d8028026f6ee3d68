"""What a client says first inside a tunnel: TLS, HTTP in the clear, or neither."""

from __future__ import annotations

import msgspec

from pipelock.proxy.client_hello import ClientHelloReader, Hello, Malformed, NeedMore, NotTls

__all__ = ["MAX_FIRST_LINE", "FirstBytes", "PlainHttp", "Unknown", "looks_like_http"]

MAX_FIRST_LINE = 16_384
_MAX_METHOD = 32
_METHOD = bytes(range(65, 91)) + bytes(range(97, 123)) + b"-_"
_PRINTABLE = bytes(range(0x20, 0x80))


class PlainHttp(msgspec.Struct, frozen=True, gc=False):
    """An HTTP/1 request line."""


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Something else."""


First = Hello | Malformed | PlainHttp | Unknown


class FirstBytes:
    """Reads until it is clear what a client speaks. Holds at most `MAX_FIRST_LINE` and one read."""

    def __init__(self) -> None:
        self._hello = ClientHelloReader()
        self._start = bytearray()
        self._is_tls = True

    def feed(self, data: bytes) -> First | None:
        """Take what came; `None` until it is enough."""
        if self._is_tls:
            seen = self._hello.feed(data)
            if isinstance(seen, NeedMore):
                self._start += data
                return None
            if not isinstance(seen, NotTls):
                return seen
            self._is_tls = False
        self._start += data
        speaks = looks_like_http(bytes(self._start))
        if speaks is None:
            return None
        return PlainHttp() if speaks else Unknown()


def looks_like_http(start: bytes) -> bool | None:
    """Whether the first bytes of a conversation are an HTTP request line (RFC 9112 §3); `None` if more are needed.

    Servers take more than is allowed, so more is taken for HTTP here: empty lines before it (§2.2), tabs, bytes that
    are no ASCII, and the first version's `GET /path` (RFC 1945 §4.1). Text without a line end, and whatever begins with
    a method, is waited for, up to 16 KiB; a method is HTTP then. The work is that of a few searches, whatever is fed.
    """
    text = start.lstrip(b"\r\n")
    line, found, _ = text.partition(b"\n")
    method, space, _ = line[: _MAX_METHOD + 1].replace(b"\t", b" ").partition(b" ")
    begins = bool(space) and _is_method(method)
    if found:
        words = line.replace(b"\t", b" ").lower()
        return b" http/" in words or (words.startswith(b"get /") and words.strip().count(b" ") == 1)
    if len(start) >= MAX_FIRST_LINE:
        return begins
    return None if begins or not line.rstrip(b"\r").translate(None, _PRINTABLE) else False


def _is_method(word: bytes) -> bool:
    return bool(word) and not word.translate(None, _METHOD)
