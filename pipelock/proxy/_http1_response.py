"""Reads the response to one request."""

from __future__ import annotations

from enum import Enum

from pipelock.proxy._http1_body import Body, ChunkedBody, CloseDelimitedBody, LengthBody
from pipelock.proxy._http1_errors import RemoteProtocolError
from pipelock.proxy._http1_events import BodyData, Headers, Limits, MessageComplete, ResponseEvent, ResponseHead
from pipelock.proxy._http1_head import Framing, HeadBuffer, read_fields, read_framing

__all__ = ["ResponseReader"]

_COMPLETE = MessageComplete()
_DEFAULT = Limits()


class _State(Enum):
    HEAD = "head"
    BODY = "body"
    DONE = "done"
    SWITCHED = "switched"


# Members looked up once: in Python 3.11 each look-up costs as much as a call.
_HEAD = _State.HEAD
_BODY = _State.BODY
_DONE = _State.DONE
_SWITCHED = _State.SWITCHED


class ResponseReader:
    """The response to one request of method `method`, strictly read (RFC 9112 §6.3). One reader per request.

    Interim responses (100, 102, 103) are read and dropped. 101 is the final one where the request asked for an
    `upgrade`, and refused where not; what follows it is no HTTP and waits for `take_rest`.
    """

    def __init__(self, method: str, limits: Limits = _DEFAULT, *, upgrade: bool = False) -> None:
        self._method = method
        self._limits = limits
        self._state = _HEAD
        self._head = HeadBuffer(limits, 502, _check_line)
        self._body: Body | None = None
        self._final: ResponseHead | None = None
        self._upgrade = upgrade
        self._interim = 0
        self._surplus = 0
        self._rest = b""
        self._error: RemoteProtocolError | None = None

    @property
    def buffered(self) -> int:
        """How many bytes the server sent behind the response.

        Nobody asked for them: they are counted and dropped. Behind a 101 they wait for `take_rest`.
        """
        return len(self._rest) if self._state is _SWITCHED else self._surplus

    @property
    def is_switched(self) -> bool:
        """Whether the response was a 101: what follows is not HTTP."""
        return self._state is _SWITCHED

    @property
    def is_complete(self) -> bool:
        """Whether the response ended where its framing says."""
        return self._state is _DONE

    @property
    def is_reusable(self) -> bool:
        """Whether the connection may carry another request: complete, kept alive, and not one byte too many."""
        return self.is_complete and self._final is not None and self._final.keep_alive and not self._surplus

    def take_rest(self) -> bytes:
        """What the server sent behind its 101; empty for any other response."""
        rest, self._rest = self._rest, b""
        return rest

    def feed(self, data: bytes) -> list[ResponseEvent]:
        """Take bytes of the server and return what they mean, in order.

        Raises:
            RemoteProtocolError: The bytes are not one unambiguous response (status 502), or they come after its end.
        """
        if self._error is not None:
            raise self._error
        try:
            return self._advance(data)
        except RemoteProtocolError as e:
            self._error = e
            self._body = None
            raise

    def feed_eof(self) -> list[ResponseEvent]:
        """The server sends nothing more. Completes a body that lasts until then; raises for one cut short."""
        if self._error is not None:
            raise self._error
        if self._state is _DONE:
            return []
        if self._final is not None and self._final.close_delimited:
            self._state = _DONE
            self._body = None
            return [_COMPLETE]
        if self._state is _SWITCHED:
            return []
        self._error = RemoteProtocolError(502, "The server ended the connection in the middle of its response.")
        raise self._error

    def _advance(self, data: bytes) -> list[ResponseEvent]:
        events: list[ResponseEvent] = []
        if self._state is _DONE:
            if data:
                self._surplus += len(data)
                raise RemoteProtocolError(502, "The server sent more than its response.")
            return events
        rest: bytes | None = data
        while self._state is _HEAD:
            split = self._head.feed(rest or b"")
            if split is None:
                return events
            rest = split[1]
            head = self._read_head(split[0])
            if head is not None:
                self._final = head
                events.append(head)
                self._begin_body(head)
        if self._state is _SWITCHED:
            self._rest += rest or b""
        else:
            self._advance_body(rest or b"", events)
        return events

    def _advance_body(self, data: bytes, events: list[ResponseEvent]) -> None:
        rest, complete = data, _COMPLETE
        if self._body is not None:
            pieces, behind = self._body.feed(data)
            if pieces:
                events.append(BodyData(pieces[0] if len(pieces) == 1 else b"".join(pieces)))
            if behind is None:
                return
            if self._body.trailers:
                complete = MessageComplete(self._body.trailers)
            rest = behind
            self._body = None
        self._state = _DONE
        self._surplus += len(rest)
        events.append(complete)

    def _begin_body(self, head: ResponseHead) -> None:
        self._state = _SWITCHED if head.status == 101 else _BODY
        if self._state is _SWITCHED or self._is_bodiless(head.status):
            return
        if head.chunked:
            self._body = ChunkedBody(self._limits, status=502, extensions=True)
        elif head.close_delimited:
            self._body = CloseDelimitedBody()
        elif head.content_length:
            self._body = LengthBody(head.content_length)

    def _is_bodiless(self, status: int) -> bool:
        return self._method == "HEAD" or status in {204, 304} or (self._method == "CONNECT" and 200 <= status < 300)

    def _read_head(self, data: bytes) -> ResponseHead | None:
        version, status, reason = _check_line(data[: data.index(b"\r\n")])
        headers, places = read_fields(data, self._limits, is_request=False)
        framing = read_framing(headers, places, version=version, status=502)
        if status < 200:
            self._interim += 1
            if status == 101:
                return self._read_switch(version, reason, headers, framing)
            if self._interim > self._limits.interim:
                raise RemoteProtocolError(502, "The server sends interim responses without end.")
            if framing.chunked or framing.content_length:
                raise RemoteProtocolError(502, "An interim response announces a body.")
            return None
        connection = framing.connection
        framed = framing.chunked or framing.content_length is not None
        close_delimited = not framed and not self._is_bodiless(status)
        wants_more = "close" not in connection and (version == "1.1" or "keep-alive" in connection)
        return ResponseHead(
            status=status,
            reason=reason,
            version=version,
            headers=headers,
            content_length=framing.content_length,
            chunked=framing.chunked,
            close_delimited=close_delimited,
            keep_alive=wants_more and not close_delimited,
        )

    def _read_switch(self, version: str, reason: str, headers: Headers, framing: Framing) -> ResponseHead:
        if not self._upgrade:
            raise RemoteProtocolError(502, "The server switches protocols and was not asked to.")
        if version != "1.1" or framing.chunked or framing.content_length is not None:
            raise RemoteProtocolError(502, "The server switches protocols in a way HTTP/1.1 does not know.")
        return ResponseHead(
            status=101,
            reason=reason,
            version=version,
            headers=headers,
            content_length=None,
            chunked=False,
            close_delimited=False,
            keep_alive=False,
        )


def _check_line(line: bytes) -> tuple[str, int, str]:
    """Read `HTTP/1.x SP 3DIGIT [SP reason]`; the last space is often missing where there is no reason (RFC 9112 §4)."""
    version, status, reason = line[:9], line[9:12], line[12:]
    if version not in {b"HTTP/1.1 ", b"HTTP/1.0 "}:
        raise RemoteProtocolError(502, "The response does not begin with an HTTP/1 status line.")
    if len(status) != 3 or not status.isdigit() or not 100 <= int(status) <= 599 or (reason and reason[:1] != b" "):
        raise RemoteProtocolError(502, "The status code is not a number from 100 to 599.")
    return version[5:8].decode("ascii"), int(status), reason[1:].decode("latin-1")
