"""Connections to origins: dialled only to judged addresses, kept alive, bounded.

A `Sending` is one request on its way. The pool keys kept connections by (scheme, host, port, address): a connection is
never reused for another name or for an address that was not judged for this request.

    send ─▶ a kept connection fits ──────────────────────────────▶ served ─▶ over
       └──▶ there is room ─▶ race of the judged addresses ─▶ won ──▲ └─ it was dead, and the request may be repeated:
       └──▶ there is none ─▶ waits, first come first served ─▶ room        a race, once
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol as Shape

from twisted.internet.protocol import Factory, Protocol

from pipelock.door.edges import Clock, Connector, Wire
from pipelock.proxy.eyeballs import Heat, Race
from pipelock.proxy.http1 import Headers, Limits, LocalProtocolError
from pipelock.proxy.limits import (
    MAX_IDLE_PER_ORIGIN,
    MAX_IDLE_UPSTREAMS,
    MAX_PER_ORIGIN,
    MAX_UPSTREAMS,
    MAX_WAITING,
    REUSE_UNSAFE_SECONDS,
    UPSTREAM_CLOSE_SECONDS,
    UPSTREAM_IDLE_SECONDS,
    WAIT_SECONDS,
)
from pipelock.proxy.upstream_connection import Key, ResponseSink, UpstreamConnection, UpstreamRequest

__all__ = ["Dialler", "Origin", "Pool", "ResponseSink", "Sending", "UpstreamConnection", "UpstreamRequest"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is to be talked to. For https the certificate must be `host`'s."""

    scheme: str
    host: str
    port: int


class Dialler(Shape):
    """Opens TCP, and TLS above it for https. The daemon does, and tests do."""

    def __call__(self, origin: Origin, address: str, factory: Factory, timeout: float) -> Connector:
        """Start connecting to `address`."""


class Sending:
    """One request on its way to one of the judged `addresses`, and the way back. Made by `Pool.send`.

    Attributes:
        silence: Seconds without a byte moving to or from the origin after which the exchange fails; `None` for no
            limit of the pool's own. What the receiver paused is not late. May be changed at any time by `be_patient`.
    """

    __slots__ = (
        "_addresses",
        "_connection",
        "_early",
        "_final",
        "_is_held",
        "_is_over",
        "_pauses",
        "_pool",
        "_race",
        "_request",
        "_sink",
        "origin",
        "silence",
        "wait_until",
    )

    def __init__(
        self, pool: Pool, origin: Origin, addresses: tuple[str, ...], request: UpstreamRequest, sink: ResponseSink
    ) -> None:
        self.origin = origin
        self.silence: float | None = pool.silence
        self.wait_until = 0.0
        self._pool = pool
        self._addresses = addresses
        self._request = request
        self._sink = sink
        self._connection: UpstreamConnection | None = None
        self._race: Race | None = None
        self._early: list[bytes] = []
        self._final: Headers | None = None
        self._is_held = self._is_over = self._pauses = False

    # -- for who sends ---------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Nobody waits for this any more: no callback follows. Harmless once it is over."""
        connection = self._serving
        race, self._race = self._race, None
        was_over, self._is_over = self._is_over, True
        self._early = []
        if connection is not None:
            connection.abandon()
        elif race is not None:
            race.cancel()
            self._pool.give_back(self.origin)
        elif not was_over:
            self._pool.forget_waiting(self)

    def pause(self) -> None:
        """Read no more of the response for now."""
        self._pauses = True
        if (connection := self._serving) is not None:
            connection.pause()

    def resume(self) -> None:
        """Read on."""
        self._pauses = False
        if (connection := self._serving) is not None:
            connection.resume()

    def write(self, data: bytes) -> None:
        """Send a piece of a streamed body. Until a connection is there it is kept, and the sink asked to wait."""
        if (connection := self._serving) is not None:
            connection.write(data)
        elif self._connection is None and not self._is_over and self._final is None:
            self._early.append(data)
            if not self._is_held:
                self._is_held = True
                self._sink.request_hold()

    def finish(self, trailers: Headers = ()) -> None:
        """The streamed body is complete. Trailers are sent only behind chunks."""
        if (connection := self._serving) is not None:
            connection.finish(trailers)
        elif self._connection is None and not self._is_over:
            self._final = trailers

    def be_patient(self, silence: float | None) -> None:
        """Replace the limit of silence, say for a stream of events."""
        self.silence = silence
        if (connection := self._serving) is not None:
            connection.silence = silence

    def take_over(self, protocol: Protocol) -> tuple[Wire, bytes]:
        """After a 101: make `protocol` that of the connection. Returns its transport and what the origin already sent.

        `protocol.makeConnection` is called; afterwards it gets what the origin says, and the loss of the connection.

        Raises:
            LocalProtocolError: There is no 101 to follow.
        """
        connection = self._serving
        if connection is None:
            raise LocalProtocolError("the upstream has not switched protocols")
        return connection.take_over(protocol)

    # -- for the pool ----------------------------------------------------------------------------------------------

    @property
    def is_repeatable(self) -> bool:
        """Whether the request may be sent a second time."""
        return self._request.is_repeatable

    def suits(self, connection: UpstreamConnection) -> bool:
        """Whether `connection` goes where this may go."""
        origin = self.origin
        key = (origin.scheme, origin.host, origin.port)
        return connection.key[:3] == key and connection.key[3] in self._addresses

    def serve_kept(self, connection: UpstreamConnection) -> None:
        """Go on a connection that has served before."""
        self._serve(connection, kept=True)

    def dial(self) -> None:
        """Go on a new connection. The pool has made room for it."""
        self._connection = None
        pool, origin = self._pool, self.origin
        race = self._race = Race(
            pool.clock,
            self._addresses,
            lambda address, factory, timeout: pool.dial(origin, address, factory, timeout),
            self._build,
            self._won,
            self._lost,
        )
        race.start()

    def refuse(self, why: str) -> None:
        """There is no room for it, or none came in time."""
        if not self._is_over:
            self._is_over = True
            self._early = []
            self._sink.response_failed(why, 503)

    @property
    def _serving(self) -> UpstreamConnection | None:
        connection = self._connection
        return connection if connection is not None and connection.is_serving(self._sink) else None

    def _build(self, heat: Heat) -> UpstreamConnection:
        origin = self.origin
        return UpstreamConnection(self._pool, (origin.scheme, origin.host, origin.port, heat.address), heat)

    def _won(self, connection: Protocol) -> None:
        self._race = None
        if isinstance(connection, UpstreamConnection):
            self._pool.adopt(connection)
            self._serve(connection, kept=False)

    def _lost(self, why: str, *, timed_out: bool, tls: bool) -> None:
        self._race = None
        self._is_over = True
        self._early = []
        self._pool.give_back(self.origin)
        told = why if tls else f"cannot connect to {self.origin.host}:{self.origin.port}: {why}"
        self._sink.response_failed(told, 504 if timed_out else 502, untrusted=tls)

    def _serve(self, connection: UpstreamConnection, *, kept: bool) -> None:
        self._connection = connection
        connection.serve(self._request, self._sink, self.silence, self._unheard if kept else None)
        if self._pauses:
            connection.pause()
        if self._request.body is None:
            self._send_early(connection)

    def _send_early(self, connection: UpstreamConnection) -> None:
        early, self._early = self._early, []
        for data in early:
            connection.write(data)
        if self._final is not None:
            connection.finish(self._final)
        elif self._is_held:
            self._is_held = False
            connection.hold_is_over()

    def _unheard(self) -> None:
        """The kept connection was dead: the usual race between our request and the origin's patience."""
        self._connection = None
        if self._request.is_repeatable:
            self._pool.find_room(self)
        else:
            self._is_over = True
            self._sink.response_failed(
                "the upstream closed a kept connection as the request was sent; it may be repeated"
            )


class Pool:
    """Sends requests, on kept connections where one fits.

    Args:
        dial: Opens connections.
        clock: The reactor, or a fake clock. It must not run backwards.
        limits: For parsing responses.

    Attributes:
        silence: What every `Sending` begins with.
    """

    def __init__(self, dial: Dialler, clock: Clock, limits: Limits) -> None:
        self.dial = dial
        self.clock = clock
        self.limits = limits
        self.silence: float | None = None
        self._idle: OrderedDict[UpstreamConnection, None] = OrderedDict()
        self._idle_by_key: dict[Key, list[UpstreamConnection]] = {}
        self._open: dict[UpstreamConnection, Origin] = {}
        self._closing: dict[UpstreamConnection, float] = {}
        self._used = 0
        self._used_by: dict[Origin, int] = {}
        self._waiting: dict[Origin, OrderedDict[Sending, None]] = {}
        self._waiting_count = 0

    def __len__(self) -> int:
        """Connections that are open or being dialled."""
        return self._used

    @property
    def waiting(self) -> int:
        """Requests that wait for a connection to become free."""
        return self._waiting_count

    def send(self, origin: Origin, addresses: tuple[str, ...], request: UpstreamRequest, sink: ResponseSink) -> Sending:
        """Send `request` to one of the judged `addresses`. The sink may be called before this returns."""
        sending = Sending(self, origin, addresses, request, sink)
        kept = self._take(origin, addresses, sending)
        if kept is not None:
            sending.serve_kept(kept)
        else:
            self.find_room(sending)
        return sending

    def sweep(self) -> None:
        """Close what was idle for too long, fail what was silent for too long. To be called once a second."""
        now = self.clock.seconds()
        while self._idle and now - (oldest := next(iter(self._idle))).idle_since >= UPSTREAM_IDLE_SECONDS:
            oldest.abort()
        for connection in list(self._open):
            connection.check_silence(now)
        for connection in [connection for connection, until in self._closing.items() if until <= now]:
            connection.abort()
        for origin, queue in list(self._waiting.items()):
            while queue and (first := next(iter(queue))).wait_until <= now:
                self.forget_waiting(first)
                used = self._used_by.get(origin, 0)
                first.refuse(
                    f"{used} connections to {origin.host}:{origin.port} and {self._used} in all are open, and none "
                    f"became free for {WAIT_SECONDS:.0f} s"
                )

    def close_idle(self) -> None:
        """Close every idle connection: the daemon stops, or forgets what it knew."""
        while self._idle:
            next(iter(self._idle)).abort()

    # -- room ------------------------------------------------------------------------------------------------------

    def find_room(self, sending: Sending) -> None:
        """Dial for `sending`, or have it wait where too many connections are open."""
        origin = sending.origin
        if origin not in self._waiting and self._make_room(origin):
            self._start(sending)
        elif self._waiting_count >= MAX_WAITING:
            sending.refuse(f"{self._used} upstream connections are open, and {MAX_WAITING} requests wait for one")
        else:
            sending.wait_until = self.clock.seconds() + WAIT_SECONDS
            self._waiting.setdefault(origin, OrderedDict())[sending] = None
            self._waiting_count += 1

    def forget_waiting(self, sending: Sending) -> None:
        """`sending` waits no more."""
        queue = self._waiting.get(sending.origin)
        if queue is None or sending not in queue:
            return
        del queue[sending]
        self._waiting_count -= 1
        if not queue:
            del self._waiting[sending.origin]

    def give_back(self, origin: Origin) -> None:
        """A place of `origin` is free: who waits for it, or for any, takes it."""
        self._free(origin)
        if self._waiting:
            self._start_waiting(origin)

    def _free(self, origin: Origin) -> None:
        self._used -= 1
        left = self._used_by[origin] - 1
        if left:
            self._used_by[origin] = left
        else:
            del self._used_by[origin]

    def _start(self, sending: Sending) -> None:
        self._used += 1
        self._used_by[sending.origin] = self._used_by.get(sending.origin, 0) + 1
        sending.dial()

    def _make_room(self, origin: Origin) -> bool:
        """Whether `origin` may have one more connection; an idle one that is in the way is closed."""
        victim: UpstreamConnection | None
        if self._used_by.get(origin, 0) >= MAX_PER_ORIGIN:
            victim = next((idle for idle in self._idle if self._open[idle] == origin), None)
        elif self._used >= MAX_UPSTREAMS:
            victim = next(iter(self._idle), None)
        else:
            return True
        if victim is None:
            return False
        # Its place is taken by who asked: nobody who waits is woken for it.
        self._free(self._open.pop(victim))
        victim.abort()
        return True

    def _start_waiting(self, origin: Origin) -> None:
        """Start one that waits: for `origin` if possible, else of the origins in the order in which they came."""
        for candidate in (origin, *self._waiting):
            queue = self._waiting.get(candidate)
            if queue is not None and self._make_room(candidate):
                first = next(iter(queue))
                self.forget_waiting(first)
                self._start(first)
                return

    # -- connections -----------------------------------------------------------------------------------------------

    def adopt(self, connection: UpstreamConnection) -> None:
        """A connection is open; its place was taken when it was dialled."""
        self._open[connection] = Origin(*connection.key[:3])

    def release(self, connection: UpstreamConnection) -> None:
        """An exchange ended cleanly: the next one that waits goes on it, or it is kept."""
        if self._waiting and self._serves_waiting(connection):
            return
        row = self._idle_by_key.setdefault(connection.key, [])
        if len(row) >= MAX_IDLE_PER_ORIGIN:
            connection.abort()
            return
        connection.idle_since = self.clock.seconds()
        row.append(connection)
        self._idle[connection] = None
        if len(self._idle) > MAX_IDLE_UPSTREAMS:
            next(iter(self._idle)).abort()

    def _serves_waiting(self, connection: UpstreamConnection) -> bool:
        queue = self._waiting.get(self._open[connection])
        if queue is not None:
            first = next(iter(queue))
            if first.suits(connection):
                self.forget_waiting(first)
                first.serve_kept(connection)
                return True
        elif not any(self._used_by.get(origin, 0) < MAX_PER_ORIGIN for origin in self._waiting):
            # Those who wait do so for their own origin.
            return False
        # Somebody waits for the place that this connection takes up.
        connection.abort()
        return True

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection is gone, or on its way out: its place is free."""
        self._closing.pop(connection, None)
        origin = self._open.pop(connection, None)
        if connection in self._idle:
            self._forget_idle(connection)
        if origin is not None:
            self.give_back(origin)

    def closing(self, connection: UpstreamConnection) -> None:
        """A connection is being closed in order: if the origin does not play along, it is cut off."""
        self._closing[connection] = self.clock.seconds() + UPSTREAM_CLOSE_SECONDS

    def _take(self, origin: Origin, addresses: tuple[str, ...], sending: Sending) -> UpstreamConnection | None:
        now = self.clock.seconds()
        fresh = UPSTREAM_IDLE_SECONDS if sending.is_repeatable else REUSE_UNSAFE_SECONDS
        for address in addresses:
            row = self._idle_by_key.get((origin.scheme, origin.host, origin.port, address))
            # The most recently used one is last; if that is too old, so are the others.
            if row and now - row[-1].idle_since < fresh:
                connection = row[-1]
                self._forget_idle(connection)
                return connection
        return None

    def _forget_idle(self, connection: UpstreamConnection) -> None:
        self._idle.pop(connection, None)
        row = self._idle_by_key.get(connection.key)
        if row is not None:
            if connection in row:
                row.remove(connection)
            if not row:
                del self._idle_by_key[connection.key]
