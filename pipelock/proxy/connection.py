"""The server's side of HTTP/1.1 on one connection: bytes to requests, answers to bytes, for every listener.

    ┌──▶ reading ──▶ busy ──▶ answered ──┐
    │       │          │                 │
    │       ▼          ▼                 │
    │   lingering    taken over          │
    └────────────────────────────────────┘

One request at a time; what a client pipelines behind it waits, bounded, and the client is not read while too much
waits or while it does not take its answers. An answer may begin before its request has ended; the connection then ends
with it. What a request means is for the classes that derive from this one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.edges import Clock, Wire
from pipelock.proxy.answers import answer_head
from pipelock.proxy.fastwrite import send_at_once, write_now
from pipelock.proxy.http1 import (
    LAST_CHUNK,
    BodyData,
    Headers,
    Limits,
    RemoteProtocolError,
    RequestEvent,
    RequestHead,
    RequestReader,
    chunk,
)
from pipelock.proxy.limits import BUSY_BUFFER, CHUNK, LINGER_BYTES, LINGER_SECONDS
from pipelock.proxy.serving import NEVER, Pace, Receiver, Road

__all__ = ["ServerConnection"]


class _State(Enum):
    READING = auto()
    BUSY = auto()
    LINGERING = auto()
    TAKEN = auto()
    CLOSED = auto()


# Members looked up once: in Python 3.11 each look-up costs as much as a call.
_READING, _BUSY, _LINGERING, _TAKEN, _CLOSED = _State


@implementer(IPushProducer, IHalfCloseableProtocol)
class ServerConnection(Protocol):
    """Serves one client. `client` is its address."""

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, clock: Clock, client: str, limits: Limits, pace: Pace) -> None:
        self.deadline = clock.seconds() + pace.head
        self.client = client
        self.head: RequestHead | None = None
        self.road: Road | None = None
        self.is_blocked = False
        self.has_begun = False
        """Whether the answer to the request under way has begun and can't become another one."""
        self._clock = clock
        self._limits = limits
        self._pace = pace
        self._state = _READING
        self._reader: RequestReader | None = None  # made with the first byte: an idle connection costs little
        self._events: deque[RequestEvent] = deque()
        self._running = False
        self._began = 0.0
        self._body_held = False
        self._flows = False
        self._receiver: Receiver | None = None
        self._outgoing: memoryview | None = None
        self._after_write: Callable[[], None] | None = None
        self._chunked = False
        self._close_after = False
        self._lingered = 0

    # -- for those who derive --------------------------------------------------------------------------------------

    def opened(self) -> None:
        """The client is connected."""
        raise NotImplementedError

    def closed(self) -> None:
        """The client is gone; `road` was cancelled."""
        raise NotImplementedError

    def request_head(self, head: RequestHead) -> None:
        """A request's head was read: set `road`, or answer."""
        raise NotImplementedError

    def malformed(self, error: RemoteProtocolError) -> None:
        """What came is no sound request: refuse, which closes."""
        raise NotImplementedError

    def late(self) -> None:
        """A request did not arrive in time: refuse, which closes."""
        raise NotImplementedError

    def answered(self) -> None:
        """An answer is written; `road` is over."""

    # -- the transport's side --------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Register for back-pressure and for the sweep."""
        send_at_once(self.transport)
        self.opened()
        if self.transport is not None:
            self.transport.registerProducer(self, streaming=True)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        state = self._state
        if state is _READING or state is _BUSY:
            self._feed(data)
        elif state is _TAKEN:
            if self._receiver is not None:
                self._receiver.from_client(data)
        elif state is _LINGERING:
            self._lingered += len(data)
            if self._lingered > LINGER_BYTES:
                self.abort()

    def readConnectionLost(self) -> None:
        """The client sent its FIN: for a receiver the end of one direction, in HTTP it has left (RFC 9112 §9.6)."""
        if self._state is _TAKEN and self._receiver is not None:
            self._receiver.client_finished()
        elif self._state is not _LINGERING:
            self.lose()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done: the client has the whole answer, and gets a little time to see that."""
        if self._state is _LINGERING:
            self.deadline = self._clock.seconds() + LINGER_SECONDS

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone: nothing is done for it any more."""
        self._state = _CLOSED
        road, self.road = self.road, None
        if road is not None:
            road.cancel()
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.client_lost()
        after, self._after_write = self._after_write, None
        if after is not None:
            after()
        self._outgoing = None
        self._events.clear()
        self.closed()

    def pauseProducing(self) -> None:
        """The client does not take what is written."""
        self.is_blocked = True
        self.deadline = self._clock.seconds() + self._pace.write
        if self._receiver is not None:
            self._receiver.client_blocked()
        elif self.road is not None:
            self.road.client_blocked()

    def resumeProducing(self) -> None:
        """The client took what was written."""
        self.is_blocked = False
        self.deadline = NEVER
        if self._receiver is not None:
            self._receiver.client_ready()
        elif self._outgoing is not None:
            self._flush()
        elif self._state is _READING:
            self.deadline = self._clock.seconds() + (self._pace.head if self._began else self._pace.idle)
            self._read_on()
            self._run()
        elif self.road is not None:
            self.road.client_ready()

    def stopProducing(self) -> None:
        """The transport is done with us."""

    def expired(self) -> None:
        """A phase took too long."""
        if self._receiver is not None:
            self._receiver.client_stuck()
        elif self._state is _READING and not self.is_blocked and self._began and not self.has_begun:
            self.late()
        else:
            self.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self._state is _READING and not self._began

    def lose(self) -> None:
        """Close after what was written is sent."""
        if self.transport is not None and self._state is not _CLOSED:
            self._state = _CLOSED
            self.deadline = self._clock.seconds() + self._pace.write
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            if self.road is not None:
                self.transport.abortConnection()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abortConnection()

    def drain(self) -> None:
        """Serve the request that is under way, and no other: the daemon stops."""
        if self.is_idle:
            self.abort()
        else:
            self._close_after = True

    # -- reading a request -----------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        if self._reader is None:
            self._reader = RequestReader(self._limits)
        if self._state is _READING:
            now = self._clock.seconds()
            if not self._began:
                self._began = now
                self.deadline = now + self._pace.head
            elif self.head is not None:
                latest = NEVER if self._flows else self._began + self._pace.request
                self.deadline = min(now + self._pace.body_idle, latest)
        try:
            events = self._reader.feed(data)
        except RemoteProtocolError as error:
            if self._state is _READING and not self.has_begun:
                self._events.clear()
                self.malformed(error)
            else:
                # An answer is being made or written: another one in the midst of it would be taken for its body.
                self.abort()
            return
        self._events.extend(events)
        self._run()
        # While an answer is not taken its client is not read either: what it sends would pile up here.
        piles_up = self.is_blocked or self._body_held if self._state is _READING else self._state is _BUSY
        if piles_up and (self._events or self._reader.buffered > BUSY_BUFFER) and self.transport is not None:
            self.transport.pauseProducing()

    def _run(self) -> None:
        # A loop and not recursion: hundreds of pipelined requests can be answered from one read.
        if self._running:
            return
        self._running = True
        try:
            while self._events and self._state is _READING and not self._body_held and not self._waits:
                event = self._events.popleft()
                if isinstance(event, BodyData):
                    if self.road is not None:
                        self.road.request_data(event.data)
                elif isinstance(event, RequestHead):
                    self.head = event
                    self.request_head(event)
                else:
                    self._request_complete()
        finally:
            self._running = False

    @property
    def _waits(self) -> bool:
        """Whether a new request has to wait until the client has taken the answer to the last one."""
        return self.is_blocked and self.road is None

    def _request_complete(self) -> None:
        self._state = _BUSY
        self.deadline = NEVER
        if self.road is None:
            self.abort()
        else:
            self.road.request_end()

    def say_continue(self) -> None:
        """Tell a client that waits with its body that it may send it (RFC 9110 §10.1.1)."""
        if self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def hold_body(self) -> None:
        """Read no more of the request's body for now."""
        self._body_held = True
        if self.transport is not None and self._state is _READING:
            self.deadline = NEVER
            self.transport.pauseProducing()

    def read_body(self) -> None:
        """Read the request's body again."""
        if not self._body_held:
            return
        self._body_held = False
        if self._state is _READING:
            self.deadline = self._clock.seconds() + self._pace.body_idle
            self._run()
            self._read_on()

    def let_flow(self) -> None:
        """The body is passed on while it arrives, so it may go on arriving for as long as it does arrive."""
        self._flows = True

    def _read_on(self) -> None:
        if self.transport is not None and not self._body_held and self._state in (_READING, _LINGERING):
            self.transport.resumeProducing()

    # -- answering -------------------------------------------------------------------------------------------------

    def stop_reading(self) -> None:
        """Read nothing more as a request: whatever comes after what is refused cannot be trusted to be one."""
        if self._state is _READING:
            self._state = _BUSY
            self.deadline = NEVER
        self._close_after = True
        self._events.clear()

    def answer(self, status: int, headers: Headers, body: bytes, *, after: Callable[[], None] | None = None) -> None:
        """Answer with all of `body`; `after` is called when it is written, or never will be."""
        if self._state is _CLOSED or self.transport is None or self.has_begun:
            if after is not None:
                after()
            return
        self._begin_answer()
        wire = answer_head(self.head, status, headers, len(body), close=self._close_after)
        self._after_write = after
        if len(body) <= CHUNK:
            write_now(self.transport, wire + body if body else wire)
            self._answered()
        else:
            self.transport.write(wire)
            self._outgoing = memoryview(body)
            self._flush()

    def begin(self, status: int, headers: Headers, length: int | None) -> None:
        """Begin an answer whose body comes by `send`. `None`: its length is not known."""
        if self._state is _CLOSED or self.transport is None or self.has_begun:
            return
        old = self.head is not None and self.head.version == "1.0"
        if length is None and old:
            self._close_after = True  # the only way an old client learns where the body ends
        self._begin_answer()
        self._chunked = length is None and not old
        if self._chunked:
            headers = (*headers, ("transfer-encoding", "chunked"))
        write_now(self.transport, answer_head(self.head, status, headers, length, close=self._close_after))

    def send(self, data: bytes) -> None:
        """More of the answer that `begin` began."""
        if data and self._state is not _CLOSED and self.transport is not None:
            write_now(self.transport, chunk(data) if self._chunked else data)

    def end(self) -> None:
        """The answer that `begin` began is complete."""
        if self._state is _CLOSED or self.transport is None:
            return
        if self._chunked:
            write_now(self.transport, LAST_CHUNK)
        self._answered()

    def cut(self) -> None:
        """Break off the answer so that the client sees that it is not complete."""
        self.road = None
        self.abort()

    def _begin_answer(self) -> None:
        head = self.head
        unread = self._state is _READING
        self._close_after = self._close_after or unread or head is None or not head.keep_alive
        self.has_begun = True

    def _flush(self) -> None:
        while self._outgoing is not None and not self.is_blocked and self.transport is not None:
            piece, rest = self._outgoing[:CHUNK], self._outgoing[CHUNK:]
            self._outgoing = rest if len(rest) else None
            self.transport.write(bytes(piece))
            if self._outgoing is None:
                self._answered()
                return

    def _answered(self) -> None:
        after, self._after_write = self._after_write, None
        if after is not None:
            after()
        self.road = None
        self.answered()
        if self._close_after:
            self._linger()
            return
        self.head = None
        self._began = 0.0
        self.has_begun = self._chunked = self._flows = self._body_held = False
        self._state = _READING
        self.deadline = self._clock.seconds() + (self._pace.write if self.is_blocked else self._pace.idle)
        if self._reader is None:
            return
        had_more = self._reader.buffered > 0
        try:
            self._events.extend(self._reader.next_request())
        except RemoteProtocolError as error:
            self.malformed(error)
            return
        if had_more:
            self._began = self._clock.seconds()
            self.deadline = self._began + self._pace.head
            self._read_on()
            self._run()

    def _linger(self) -> None:
        """Half-close, and read a little more: a reset would take the answer away from a client that still sends."""
        if self.transport is None:
            return
        self._state = _LINGERING
        self.deadline = self._clock.seconds() + self._pace.write  # until `writeConnectionLost`
        self._events.clear()
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()
        self.transport.resumeProducing()

    # -- giving it away --------------------------------------------------------------------------------------------

    def release(self) -> Wire | None:
        """Let go of the transport for good, for another protocol to be put on it; `None` where it is gone."""
        transport, self.transport = self.transport, None
        if self._state is _CLOSED or transport is None:
            return None
        self._state = _CLOSED
        self._receiver = None
        transport.unregisterProducer()
        self.closed()
        return transport

    def take_over(self, receiver: Receiver) -> bytes:
        """Hand the connection to `receiver`, which writes to `transport`; returns what the client sent already.

        Raises:
            LocalProtocolError: the request is not complete.
        """
        rest = self._reader.take_rest() if self._reader is not None else b""
        self._state = _TAKEN
        self.deadline = NEVER
        self.road = None
        self._receiver = receiver
        if self.transport is not None:
            self.transport.resumeProducing()
        return rest
