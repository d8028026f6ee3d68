"""Reads requests from one connection, one at a time.

HEAD ──head, body follows──▶ BODY ──end──▶ DONE ──next_request()──▶ HEAD
  └─────head, no body──────────────────────▲ └──take_rest()──▶ TAKEN
any ──RemoteProtocolError──▶ FAILED (every later call raises the same error)
"""

from __future__ import annotations

from enum import Enum

from pipelock.proxy._http1_body import Body, ChunkedBody, LengthBody
from pipelock.proxy._http1_errors import LocalProtocolError, RemoteProtocolError
from pipelock.proxy._http1_events import BodyData, Limits, MessageComplete, RequestEvent, RequestHead
from pipelock.proxy._http1_head import HeadBuffer, read_fields, read_framing
from pipelock.proxy._http1_syntax import METHODS, TARGET_BYTES
from pipelock.proxy.target import parse_target

__all__ = ["RequestReader"]

_COMPLETE = MessageComplete()
_DEFAULT = Limits()


class _State(Enum):
    HEAD = "head"
    BODY = "body"
    DONE = "done"
    TAKEN = "taken"
    FAILED = "failed"


# Members looked up once: in Python 3.11 each look-up costs as much as a call.
_HEAD = _State.HEAD
_BODY = _State.BODY
_DONE = _State.DONE
_TAKEN = _State.TAKEN
_FAILED = _State.FAILED


class RequestReader:
    """The requests of one client connection, strictly read (RFC 9112).

    After `MessageComplete` nothing more is parsed until `next_request`: bytes that came early wait, at most
    `limits.pipelined` of them; `buffered` says how many. Whoever drives the reader stops reading from the transport
    while that is not zero.
    """

    def __init__(self, limits: Limits = _DEFAULT) -> None:
        self._limits = limits
        self._state = _HEAD
        self._head = HeadBuffer(limits, 400, self._check_line)
        self._body: Body | None = None
        self._waiting = bytearray()
        self._keep_alive = True
        self._error: RemoteProtocolError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes wait unparsed behind a complete request."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether the connection stands between requests with nothing of the next one received."""
        return self._state is _HEAD and self._head.is_idle()

    def feed(self, data: bytes) -> list[RequestEvent]:
        """Take bytes of the client and return what they mean, in order.

        Raises:
            RemoteProtocolError: The bytes are not one unambiguous request; answer with its status and close.
            LocalProtocolError: After `take_rest`.
        """
        if self._error is not None:
            raise self._error
        if self._state is _TAKEN:
            raise LocalProtocolError("the connection is no longer HTTP")
        try:
            return self._advance(data)
        except RemoteProtocolError as e:
            raise self._failed(e) from e.__cause__

    def next_request(self) -> list[RequestEvent]:
        """Start on the next request and return what the waiting bytes already say about it.

        Raises:
            RemoteProtocolError: As in `feed`.
            LocalProtocolError: Before `MessageComplete`, or where the client said this was the last request.
        """
        if self._error is not None:
            raise self._error
        if self._state is not _DONE or not self._keep_alive:
            raise LocalProtocolError("no further request may be read here")
        waiting = bytes(self._waiting)
        self._waiting.clear()
        self._state = _HEAD
        return self.feed(waiting) if waiting else []

    def take_rest(self) -> bytes:
        """Give up on HTTP (after CONNECT or an upgrade) and return the bytes that were not parsed.

        Raises:
            LocalProtocolError: Before `MessageComplete`.
        """
        if self._state is not _DONE:
            raise LocalProtocolError("the request is not complete")
        self._state = _TAKEN
        rest = bytes(self._waiting)
        self._waiting.clear()
        return rest

    def feed_eof(self) -> None:
        """The client sends nothing more. Raises `RemoteProtocolError` in the middle of a request."""
        if self._error is not None:
            raise self._error
        if self._state is _BODY or (self._state is _HEAD and not self._head.is_idle()):
            raise self._failed(RemoteProtocolError(400, "The connection ended in the middle of a request."))

    def _failed(self, error: RemoteProtocolError) -> RemoteProtocolError:
        self._error = error
        self._state = _FAILED
        self._waiting.clear()
        self._body = None
        return error

    def _advance(self, data: bytes) -> list[RequestEvent]:
        events: list[RequestEvent] = []
        rest = data
        if self._state is _HEAD:
            split = self._head.feed(data)
            if split is None:
                return events
            head_bytes, rest = split
            head = self._read_head(head_bytes)
            events.append(head)
            self._keep_alive = head.keep_alive
            if head.has_body:
                self._state = _BODY
                self._body = (
                    ChunkedBody(self._limits, status=400, extensions=False)
                    if head.chunked
                    else LengthBody(head.content_length or 0)
                )
            else:
                self._state = _DONE
                events.append(_COMPLETE)
        if self._body is not None:
            pieces, surplus = self._body.feed(rest)
            if pieces:
                events.append(BodyData(pieces[0] if len(pieces) == 1 else b"".join(pieces)))
            if surplus is None:
                return events
            rest = surplus
            trailers = self._body.trailers
            self._body = None
            self._state = _DONE
            events.append(MessageComplete(trailers) if trailers else _COMPLETE)
        if rest:
            self._waiting += rest
            if len(self._waiting) > self._limits.pipelined:
                raise RemoteProtocolError(400, "Too much was sent ahead of the answer.")
        return events

    def _check_line(self, line: bytes) -> tuple[str, str, str]:
        parts = line.split(b" ")
        if len(parts) != 3:
            raise RemoteProtocolError(400, "The request line is not method, target and version.")
        method, target, version = parts
        if version not in {b"HTTP/1.1", b"HTTP/1.0"}:
            if len(version) == 8 and version.startswith(b"HTTP/") and version[5:6].isdigit() and version[7:].isdigit():
                raise RemoteProtocolError(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
            raise RemoteProtocolError(400, "The request line names no HTTP version.")
        name = method.decode("latin-1")
        if name not in METHODS:
            if method.isalpha() and method.isupper():
                raise RemoteProtocolError(501, "The method is not one this proxy forwards.")
            raise RemoteProtocolError(400, "The method is not written in capital letters.")
        if len(target) > self._limits.target:
            raise RemoteProtocolError(414, "The request target is too long.")
        if not target or target.translate(None, TARGET_BYTES):
            raise RemoteProtocolError(400, "The request target holds characters that no URL may hold.")
        return name, target.decode("ascii"), version[5:].decode("ascii")

    def _read_head(self, data: bytes) -> RequestHead:
        method, target, version = self._check_line(data[: data.index(b"\r\n")])
        headers, places = read_fields(data, self._limits, is_request=True)
        framing = read_framing(headers, places, version=version, status=400)
        host = framing.host
        if host is None and version == "1.1":
            raise RemoteProtocolError(400, "There is no Host.")
        if host == "":
            raise RemoteProtocolError(400, "Host is empty.")
        if method == "CONNECT" and (framing.chunked or framing.content_length):
            raise RemoteProtocolError(400, "CONNECT has no body.")
        if framing.expect and framing.expect.lower() != "100-continue":
            raise RemoteProtocolError(417, "Only the expectation 100-continue can be met.")
        connection = framing.connection
        is_current = version == "1.1"
        head = RequestHead(
            method=method,
            target=target,
            version=version,
            headers=headers,
            host=host or "",
            content_length=framing.content_length,
            chunked=framing.chunked,
            keep_alive="close" not in connection and (is_current or "keep-alive" in connection),
            expect_continue=bool(framing.expect) and is_current,
        )
        # Refuses a target whose form does not fit the method or whose authority is not Host's.
        parse_target(head)
        return head
