"""Connections to origins: dialled only to judged addresses, kept alive, bounded.

An `Exchange` sends one request on one connection and hands back the head and body events of its response. The pool
keys kept connections by (scheme, host, port, address): a connection is never reused for another name or for an
address that was not judged for this request.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol as Shape

from twisted.internet.error import ConnectError, ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from pipelock.door.edges import Clock, Connector, Wire
from pipelock.proxy.fastwrite import write_now
from pipelock.proxy.http1 import BodyData, Limits, MessageComplete, RemoteProtocolError, ResponseHead, ResponseReader
from pipelock.proxy.limits import (
    CHUNK,
    CONNECT_SECONDS,
    MAX_IDLE_PER_ORIGIN,
    MAX_IDLE_UPSTREAMS,
    MAX_UPSTREAMS,
    REUSE_UNSAFE_SECONDS,
    UPSTREAM_IDLE_SECONDS,
)

__all__ = ["Origin", "Pool", "ResponseSink", "UpstreamConnection", "UpstreamRequest"]

SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Idempotent methods (RFC 9110 §9.2.2): may be sent again when a kept connection turns out to be dead."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is to be talked to. `tls_name` is set for https."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request as it goes out: `head` is serialised, `body` whole."""

    method: str
    head: bytes
    body: bytes


class ResponseSink(Shape):
    """Who wants the response."""

    def response_head(self, head: ResponseHead) -> None:
        """The final response's head."""

    def response_data(self, data: bytes) -> None:
        """A piece of its body."""

    def response_end(self) -> None:
        """It is complete."""

    def response_failed(self, why: str) -> None:
        """There will be none, or no more."""


class Dialler(Shape):
    """Opens TCP, and TLS above it for https. The reactor does, and tests do."""

    def __call__(self, origin: Origin, address: str, factory: Factory, timeout: float) -> Connector:
        """Start connecting to `address`."""


Key = tuple[str, str, int, str]


class UpstreamConnection(Protocol):
    """One connection to one address of an origin; carries one exchange at a time."""

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, pool: Pool, key: Key) -> None:
        self.key = key
        self.idle_since = 0.0
        self._pool = pool
        self._sink: ResponseSink | None = None
        self._reader: ResponseReader | None = None
        self._request: UpstreamRequest | None = None
        self._unheard: Callable[[UpstreamRequest, ResponseSink], None] | None = None
        self._heard = False

    def send(
        self,
        request: UpstreamRequest,
        sink: ResponseSink,
        unheard: Callable[[UpstreamRequest, ResponseSink], None] | None = None,
    ) -> None:
        """Send `request` and report its response to `sink`; `unheard` is called if the origin left without a word."""
        self._unheard = unheard
        self._sink, self._request = sink, request
        self._heard = False
        self._reader = ResponseReader(request.method, self._pool.limits)
        if self.transport is not None:
            if len(request.body) <= CHUNK:
                write_now(self.transport, request.head + request.body)
            else:
                self.transport.write(request.head)
                self.transport.write(request.body)

    def dataReceived(self, data: bytes) -> None:
        """Parse; anything an idle origin says is a reason to hang up."""
        if self._reader is None:
            self.abort()
            return
        self._heard = True
        try:
            events = self._reader.feed(data)
        except RemoteProtocolError as error:
            self._fail(f"the upstream's answer is malformed: {error}")
            return
        self._deliver(events)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End of stream: completes a close-delimited body, fails anything else."""
        self._pool.lost(self)
        if self._sink is None or self._reader is None:
            return
        if not self._heard and self._unheard is not None and self._request is not None:
            sink, request, unheard = self._sink, self._request, self._unheard
            self._forget()
            unheard(request, sink)
            return
        if not isinstance(reason.value, ConnectionDone | ConnectionLost | ConnectionAborted):
            # Only TLS ends in other ways: a certificate that is not the host's, no common version, ...
            self._fail(f"TLS with {self.key[1]} failed: {_tls_error(reason)}")
            return
        try:
            events = self._reader.feed_eof()
        except RemoteProtocolError as error:
            self._fail(f"the upstream closed too early: {error}")
            return
        self._deliver(events)

    def abandon(self) -> None:
        """The sink is not interested any more."""
        self._forget()
        self.abort()

    def is_serving(self, sink: ResponseSink) -> bool:
        """Whether the exchange under way is that of `sink`."""
        return self._sink is sink

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abortConnection()

    def pause(self) -> None:
        """Stop reading: the client is slower than the origin."""
        if self.transport is not None:
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        if self.transport is not None:
            self.transport.resumeProducing()

    def _deliver(self, events: list[ResponseHead | BodyData | MessageComplete]) -> None:
        for event in events:
            sink = self._sink
            if sink is None:
                return
            if isinstance(event, BodyData):
                sink.response_data(event.data)
            elif isinstance(event, ResponseHead):
                sink.response_head(event)
            else:
                # Bytes behind the response would be taken for the next one's: such a connection is not kept.
                keep = self._reader is not None and self._reader.is_reusable
                self._forget()
                if keep:
                    self._pool.release(self)
                elif self.transport is not None:
                    self.transport.loseConnection()
                sink.response_end()

    def _fail(self, why: str) -> None:
        sink = self._sink
        self._forget()
        self.abort()
        if sink is not None:
            sink.response_failed(why)

    def _forget(self) -> None:
        self._sink = self._reader = self._request = self._unheard = None


class _Factory(ClientFactory):
    noisy = False

    def __init__(self, attempt: _Attempt, key: Key) -> None:
        self._attempt = attempt
        self._key = key

    def buildProtocol(self, addr: object) -> UpstreamConnection:
        connection = UpstreamConnection(self._attempt.pool, self._key)
        connection.connectionMade = lambda: self._attempt.connected(connection)  # type: ignore[method-assign]
        return connection

    def clientConnectionFailed(self, connector: Connector, reason: Failure) -> None:
        self._attempt.failed(reason)


class _Attempt:
    """Dials the judged addresses one after the other until one answers."""

    def __init__(
        self, pool: Pool, origin: Origin, addresses: tuple[str, ...], request: UpstreamRequest, sink: ResponseSink
    ) -> None:
        self.pool = pool
        self._origin = origin
        self._left = deque(addresses)
        self._request = request
        self._sink: ResponseSink | None = sink
        self._connector: Connector | None = None
        self._connection: UpstreamConnection | None = None
        self._served: ResponseSink | None = None
        self._why = "no address to dial"

    def start(self) -> None:
        """Dial the next address."""
        if self._sink is None:
            return
        if not self._left:
            sink, self._sink = self._sink, None
            sink.response_failed(f"cannot connect to {self._origin.host}:{self._origin.port}: {self._why}")
            return
        address = self._left.popleft()
        key = (self._origin.scheme, self._origin.host, self._origin.port, address)
        self.pool.dialling += 1
        self._connector = self.pool.dial(self._origin, address, _Factory(self, key), CONNECT_SECONDS)

    def connected(self, connection: UpstreamConnection) -> None:
        """An address answered."""
        self.pool.dialling -= 1
        self.pool.adopt(connection)
        sink, self._sink = self._sink, None
        if sink is None:
            connection.abort()
            return
        self._connection = connection
        self._served = sink
        connection.send(self._request, sink)

    def failed(self, reason: Failure) -> None:
        """An address did not."""
        self.pool.dialling -= 1
        self._why = _dial_error(reason)
        self.start()

    def cancel(self) -> None:
        """Nobody waits for this any more."""
        self._sink = None
        if self._connection is not None:
            if self._served is not None and self._connection.is_serving(self._served):
                self._connection.abandon()
        elif self._connector is not None:
            self._connector.disconnect()


class _KeptExchange:
    """A request on a kept connection, sent again on a new one if the origin had just closed that: the usual race."""

    def __init__(self, pool: Pool, connection: UpstreamConnection, origin: Origin, addresses: tuple[str, ...]) -> None:
        self._pool = pool
        self._connection = connection
        self._origin = origin
        self._addresses = addresses
        self._sink: ResponseSink | None = None
        self._cancel_again: Callable[[], None] | None = None

    def start(self, request: UpstreamRequest, sink: ResponseSink) -> None:
        self._sink = sink
        self._connection.send(request, sink, self._again)

    def cancel(self) -> None:
        if self._cancel_again is not None:
            self._cancel_again()
        elif self._sink is not None and self._connection.is_serving(self._sink):
            self._connection.abandon()

    def _again(self, request: UpstreamRequest, sink: ResponseSink) -> None:
        if request.method not in SAFE_TO_REPEAT:
            sink.response_failed("the upstream closed a kept connection as the request was sent; it may be repeated")
            return
        self._cancel_again = self._pool.dial_anew(self._origin, self._addresses, request, sink)


def _tls_error(reason: Failure) -> str:
    """What OpenSSL or the check of the certificate's names has against the origin."""
    return reason.getErrorMessage() or (reason.type.__name__ if reason.type is not None else "no reason given")


def _dial_error(reason: Failure) -> str:
    error = reason.value
    if isinstance(error, ConnectError):
        return str(error).strip(". ") or type(error).__name__
    return type(error).__name__ if error is not None else "failed"


class Pool:
    """Sends requests, on kept connections where one fits.

    Args:
        dial: Opens connections.
        clock: The reactor, or a fake clock.
        limits: For parsing responses.
    """

    def __init__(self, dial: Dialler, clock: Clock, limits: Limits) -> None:
        self.dial = dial
        self.limits = limits
        self.dialling = 0
        self._clock = clock
        self._idle: OrderedDict[UpstreamConnection, None] = OrderedDict()
        self._idle_by_key: dict[Key, list[UpstreamConnection]] = {}
        self._open: set[UpstreamConnection] = set()

    def __len__(self) -> int:
        return len(self._open) + self.dialling

    def send(
        self, origin: Origin, addresses: tuple[str, ...], request: UpstreamRequest, sink: ResponseSink
    ) -> Callable[[], None]:
        """Send `request` to one of the judged `addresses`; returns what cancels it."""
        kept = self._take(origin, addresses, request.method)
        if kept is not None:
            exchange = _KeptExchange(self, kept, origin, addresses)
            exchange.start(request, sink)
            return exchange.cancel
        if len(self) >= MAX_UPSTREAMS and not self._evict_idle():
            sink.response_failed(f"{MAX_UPSTREAMS} upstream connections are already open")
            return lambda: None
        return self.dial_anew(origin, addresses, request, sink)

    def dial_anew(
        self, origin: Origin, addresses: tuple[str, ...], request: UpstreamRequest, sink: ResponseSink
    ) -> Callable[[], None]:
        """Send `request` on a new connection; returns what cancels it."""
        attempt = _Attempt(self, origin, addresses, request, sink)
        attempt.start()
        return attempt.cancel

    def _take(self, origin: Origin, addresses: tuple[str, ...], method: str) -> UpstreamConnection | None:
        now = self._clock.seconds()
        fresh = UPSTREAM_IDLE_SECONDS if method in SAFE_TO_REPEAT else REUSE_UNSAFE_SECONDS
        for address in addresses:
            row = self._idle_by_key.get((origin.scheme, origin.host, origin.port, address))
            # The most recently used one is last; if that is too old, so are the others.
            if row and now - row[-1].idle_since < fresh:
                connection = row[-1]
                self._forget_idle(connection)
                return connection
        return None

    def adopt(self, connection: UpstreamConnection) -> None:
        """A connection is open."""
        self._open.add(connection)

    def release(self, connection: UpstreamConnection) -> None:
        """An exchange ended cleanly: keep the connection."""
        row = self._idle_by_key.setdefault(connection.key, [])
        if len(row) >= MAX_IDLE_PER_ORIGIN:
            connection.abort()
            return
        connection.idle_since = self._clock.seconds()
        row.append(connection)
        self._idle[connection] = None
        if len(self._idle) > MAX_IDLE_UPSTREAMS:
            self._evict_idle()

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        if connection in self._idle:
            self._forget_idle(connection)

    def sweep(self) -> None:
        """Close connections that were idle for too long."""
        oldest = self._clock.seconds() - UPSTREAM_IDLE_SECONDS
        while self._idle:
            connection = next(iter(self._idle))
            if connection.idle_since > oldest:
                break
            self._forget_idle(connection)
            connection.abort()

    def close_idle(self) -> None:
        """Close every idle connection: the daemon stops, or forgets what it knew."""
        while self._evict_idle():
            pass

    def _evict_idle(self) -> bool:
        if not self._idle:
            return False
        connection = next(iter(self._idle))
        self._forget_idle(connection)
        connection.abort()
        return True

    def _forget_idle(self, connection: UpstreamConnection) -> None:
        self._idle.pop(connection, None)
        row = self._idle_by_key.get(connection.key)
        if row is not None:
            if connection in row:
                row.remove(connection)
            if not row:
                del self._idle_by_key[connection.key]
