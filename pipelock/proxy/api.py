"""A listener that answers by itself and forwards nothing: one request at a time, strictly read, tightly bounded.

    ┌──▶ reading ──▶ busy ──▶ answered ──┐
    │       │                            │
    └───────┼────────────────────────────┘
            ▼
        lingering (what is still sent after an early refusal is read and dropped)

What is asked is for a service to decide; this module knows HTTP, sizes and time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Protocol as Shape

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.edges import Clock, Wire
from pipelock.proxy.http1 import (
    BodyData,
    Limits,
    MessageComplete,
    RemoteProtocolError,
    RequestEvent,
    RequestHead,
    RequestReader,
    response_head,
)
from pipelock.proxy.limits import BUSY_BUFFER, IDLE_SECONDS, LINGER_BYTES, LINGER_SECONDS

__all__ = ["ApiAnswer", "ApiConnection", "ApiContext", "ApiFactory", "ApiLimits", "ApiService"]

_NEVER = float("inf")
_HEAD_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What a service answers. `body` is JSON; `headers` come on top of the ordinary ones."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class ApiService(Shape):
    """Decides what is answered."""

    def refusal(self, head: RequestHead, client: str) -> ApiAnswer | None:
        """The answer that needs no body to be read, or `None` to read on. `client` is the peer's address."""

    def too_large(self) -> ApiAnswer:
        """The answer to a body over the limit."""

    def malformed(self, why: str) -> ApiAnswer:
        """The answer to what is no sound HTTP request, or did not arrive in time."""

    def ask(self, body: bytes, client: str, answer: Callable[[ApiAnswer], None]) -> Callable[[], None]:
        """Answer a whole request, now or later, once. What is returned is called if the client leaves first."""


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """Seconds and bytes of one listener."""

    connections: int = 100
    body: int = 1_048_576
    read_seconds: float = 2.0
    write_seconds: float = 2.0


@dataclass(slots=True, eq=False)
class ApiContext:
    """What the connections of one listener share. `limits` is replaced as a whole by a reload."""

    service: ApiService
    clock: Clock
    limits: ApiLimits = field(default_factory=ApiLimits)
    connections: dict[ApiConnection, None] = field(default_factory=dict)

    def sweep(self) -> None:
        """Expire what is late; called once a second."""
        now = self.clock.seconds()
        for connection in [one for one in self.connections if one.deadline <= now]:
            connection.expired()

    def make_room(self) -> bool:
        """Close the longest connected client that is idle; false where all are being served."""
        for connection in self.connections:
            if connection.is_idle:
                connection.abort()
                return True
        return False


class _State(Enum):
    READING = auto()
    BUSY = auto()
    LINGERING = auto()
    CLOSED = auto()


@implementer(IPushProducer, IHalfCloseableProtocol)
class ApiConnection(Protocol):
    """Serves one client of an API."""

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, context: ApiContext, client: str) -> None:
        self.deadline = context.clock.seconds() + context.limits.read_seconds
        self.client = client
        self._context = context
        self._state = _State.READING
        self._reader = RequestReader(Limits(head=_HEAD_BYTES))
        self._events: deque[RequestEvent] = deque()
        self._head: RequestHead | None = None
        self._body = bytearray()
        self._cancel: Callable[[], None] | None = None
        self._began = False
        self._running = False
        self._blocked = False
        self._lingered = 0

    # -- the transport's side --------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Register for back-pressure and for the sweep."""
        self._context.connections[self] = None
        if self.transport is not None:
            self.transport.registerProducer(self, streaming=True)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._state is _State.LINGERING:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.abort()
        elif self._state is not _State.CLOSED:
            self._feed(data)

    def readConnectionLost(self) -> None:
        """The client sent its FIN: it has left (RFC 9112 §9.6)."""
        self.abort()

    def writeConnectionLost(self) -> None:
        """Our half-close is done: the client gets a little time to see the answer."""
        if self._state is _State.LINGERING:
            self.deadline = self._context.clock.seconds() + LINGER_SECONDS

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone: nothing is done for it any more."""
        self._state = _State.CLOSED
        self._context.connections.pop(self, None)
        cancel, self._cancel = self._cancel, None
        if cancel is not None:
            cancel()
        self._events.clear()
        self._body.clear()

    def pauseProducing(self) -> None:
        """The client does not take what is written."""
        self._blocked = True
        self.deadline = self._context.clock.seconds() + self._context.limits.write_seconds

    def resumeProducing(self) -> None:
        """The client took what was written."""
        self._blocked = False
        if self._state is _State.READING:
            self.deadline = self._context.clock.seconds() + IDLE_SECONDS
            if self.transport is not None:
                self.transport.resumeProducing()
            self._run()

    def stopProducing(self) -> None:
        """The transport is done with us."""

    def expired(self) -> None:
        """A phase took too long."""
        if self._state is _State.READING and self._began and not self._blocked:
            self._refuse(self._context.service.malformed("the request did not arrive in time"))
        else:
            self.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self._state is _State.READING and not self._began

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abortConnection()

    # -- one request -----------------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        if not self._began and self._state is _State.READING:
            self._begin()
        try:
            self._events.extend(self._reader.feed(data))
        except RemoteProtocolError as error:
            if self._state is _State.READING:
                self._refuse(self._context.service.malformed(str(error)))
            else:
                self.abort()
            return
        self._run()
        if self._state is _State.BUSY and self._reader.buffered > BUSY_BUFFER and self.transport is not None:
            self.transport.pauseProducing()

    def _begin(self) -> None:
        self._began = True
        self.deadline = self._context.clock.seconds() + self._context.limits.read_seconds

    def _run(self) -> None:
        # A loop and not recursion: many small requests can be answered from one read.
        if self._running:
            return
        self._running = True
        try:
            while self._events and self._state is _State.READING and not self._blocked:
                event = self._events.popleft()
                if isinstance(event, RequestHead):
                    self._head_complete(event)
                elif isinstance(event, BodyData):
                    self._more_body(event.data)
                elif isinstance(event, MessageComplete):
                    self._complete()
        finally:
            self._running = False

    def _head_complete(self, head: RequestHead) -> None:
        self._head = head
        service = self._context.service
        answer = service.refusal(head, self.client)
        if answer is None and (head.content_length or 0) > self._context.limits.body:
            answer = service.too_large()
        if answer is not None:
            self._refuse(answer)
        elif head.expect_continue and head.has_body and self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _more_body(self, data: bytes) -> None:
        if len(self._body) + len(data) > self._context.limits.body:
            self._refuse(self._context.service.too_large())
        else:
            self._body += data

    def _complete(self) -> None:
        self._state = _State.BUSY
        self.deadline = _NEVER  # the service keeps its own
        body = bytes(self._body)
        self._body.clear()
        answered = False

        def answer(what: ApiAnswer) -> None:
            nonlocal answered
            answered = True
            self._cancel = None
            self._answer(what)

        cancel = self._context.service.ask(body, self.client, answer)
        if not answered:
            self._cancel = cancel

    def _answer(self, answer: ApiAnswer) -> None:
        if self._state is not _State.BUSY or self.transport is None:
            return
        keep = self._head is not None and self._head.keep_alive
        self._write(answer, close=not keep)
        if not keep:
            self._linger()
            return
        self._head = None
        self._began = False
        self._state = _State.READING
        limits = self._context.limits
        self.deadline = self._context.clock.seconds() + (limits.write_seconds if self._blocked else IDLE_SECONDS)
        self._next()

    def _next(self) -> None:
        had_more = self._reader.buffered > 0
        try:
            self._events.extend(self._reader.next_request())
        except RemoteProtocolError as error:
            self._refuse(self._context.service.malformed(str(error)))
            return
        if had_more:
            self._begin()
            if self.transport is not None and not self._blocked:
                self.transport.resumeProducing()
            self._run()

    def _refuse(self, answer: ApiAnswer) -> None:
        """Answer before the whole request was read; what comes after cannot be trusted to be a request."""
        self._state = _State.BUSY
        self._events.clear()
        self._body.clear()
        self._write(answer, close=True)
        self._linger()

    def _write(self, answer: ApiAnswer, *, close: bool) -> None:
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(answer.body))),
            ("cache-control", "no-store"),
            *answer.headers,
        ]
        if close:
            headers.append(("connection", "close"))
        if self.transport is not None:
            self.transport.write(response_head(answer.status, HTTPStatus(answer.status).phrase, headers) + answer.body)

    def _linger(self) -> None:
        """Half-close, and read a little more: a reset would take the answer away from a client that still sends."""
        if self.transport is None:
            return
        self._state = _State.LINGERING
        self.deadline = self._context.clock.seconds() + self._context.limits.write_seconds
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()
        self.transport.resumeProducing()


class ApiFactory(Factory):
    """Makes a connection object for each client."""

    noisy = False

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    def buildProtocol(self, addr: IAddress | None) -> ApiConnection | None:
        """Serve a client, making room first where the table is full."""
        context = self._context
        if len(context.connections) >= context.limits.connections and not context.make_room():
            return None
        return ApiConnection(context, str(getattr(addr, "host", "")))
