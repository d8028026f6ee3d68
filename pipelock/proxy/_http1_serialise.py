"""Heads and chunks as bytes. What could break out of its line is refused, whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterable

from pipelock.proxy._http1_errors import LocalProtocolError
from pipelock.proxy._http1_syntax import FIELD_BYTES, TARGET_BYTES, TOKEN_BYTES

__all__ = ["LAST_CHUNK", "chunk", "last_chunk", "request_head", "response_head"]

LAST_CHUNK = b"0\r\n\r\n"


def request_head(method: str, target: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """An HTTP/1.1 request head. Raises `LocalProtocolError` for anything that is not one line, token or target."""
    start = f"{method} {target} HTTP/1.1\r\n"
    _require(method, TOKEN_BYTES, "method")
    _require(target, TARGET_BYTES, "request target")
    return _head(start, headers)


def response_head(status: int, reason: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """An HTTP/1.1 response head. Raises `LocalProtocolError` likewise, and for a status outside 100..599."""
    if not 100 <= status <= 599:
        raise LocalProtocolError("the status is not from 100 to 599")
    if reason:
        _require(reason, FIELD_BYTES, "reason phrase")
    return _head(f"HTTP/1.1 {status} {reason}\r\n", headers)


def chunk(data: bytes) -> bytes:
    """`data` as one chunk; nothing for no data, since an empty chunk would end the body."""
    return b"%x\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: Iterable[tuple[str, str]] = ()) -> bytes:
    """The end of a chunked body. Raises `LocalProtocolError` for a trailer that is not one line."""
    fields = tuple(trailers)
    return _head("0\r\n", fields) if fields else LAST_CHUNK


def _head(start: str, headers: Iterable[tuple[str, str]]) -> bytes:
    pairs = list(headers)
    names = [name for name, _ in pairs]
    if "" in names:
        raise LocalProtocolError("a header field has no name")
    values = "".join([value for _, value in pairs])
    if names:
        _require("".join(names), TOKEN_BYTES, "name of a header field")
    if values:
        _require(values, FIELD_BYTES, "value of a header field")
    lines = [f"{name}: {value}\r\n" for name, value in pairs]
    return "".join([start, *lines, "\r\n"]).encode("latin-1")


def _require(text: str, alphabet: bytes, what: str) -> None:
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError as e:
        raise LocalProtocolError(f"the {what} does not fit into bytes") from e
    if not data or data.translate(None, alphabet):
        raise LocalProtocolError(f"the {what} holds bytes it must not hold")
