"""What a client says first inside a tunnel: TLS, HTTP in the clear, or neither."""

from __future__ import annotations

import msgspec

from pipelock.proxy.client_hello import ClientHelloReader, Hello, Malformed, NeedMore, NotTls

__all__ = ["MAX_FIRST_LINE", "FirstBytes", "PlainHttp", "Unknown", "looks_like_http"]

MAX_FIRST_LINE = 16_384


class PlainHttp(msgspec.Struct, frozen=True, gc=False):
    """An HTTP/1 request line."""


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """Something else."""


First = Hello | Malformed | PlainHttp | Unknown


class FirstBytes:
    """Reads until it is clear what a client speaks. Holds at most `MAX_FIRST_LINE` and one read."""

    def __init__(self) -> None:
        self._hello = ClientHelloReader()
        self._start = b""
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
        speaks = looks_like_http(self._start)
        if speaks is None:
            return None
        return PlainHttp() if speaks else Unknown()


def looks_like_http(start: bytes) -> bool | None:
    """Whether the first bytes of a conversation are an HTTP request line (RFC 9112 §3); `None` if more are needed.

    Text without a line end is waited for, up to 16 KiB; anything that is no text is not HTTP.
    """
    line, found, _ = start.partition(b"\n")
    if not line.rstrip(b"\r").isascii() or any(byte < 0x20 for byte in line.rstrip(b"\r")):
        return False
    if found:
        return b" http/" in line.lower()
    return None if len(line) < MAX_FIRST_LINE else False
