"""Connections to origins: dialled only to judged addresses, kept alive, bounded.

A `Sending` is one request on its way. The pool keys kept connections by (scheme, host, port, address): a connection is
never reused for another name or for an address that was not judged for this request.

    send ─▶ a kept connection fits ─────────────────▶ served
       └──▶ there is room ─▶ its addresses race ─▶ won ──▲
       └──▶ there is none ─▶ waits, first come first served ─▶ room
"""

from __future__ import annotations

from collections import OrderedDict

from pipelock.door.edges import Clock
from pipelock.proxy.http1 import Limits
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
from pipelock.proxy.sending import Sending
from pipelock.proxy.upstream_connection import UpstreamConnection
from pipelock.proxy.upstream_request import (
    Dialler,
    Key,
    Origin,
    ResponseSink,
    UpstreamRequest,
    untrusted_upstream,
)

__all__ = [
    "Dialler",
    "Origin",
    "Pool",
    "ResponseSink",
    "Sending",
    "UpstreamConnection",
    "UpstreamRequest",
    "untrusted_upstream",
]


class Pool:
    """Sends requests, on kept connections where one fits.

    Args:
        dial: Opens connections.
        clock: The reactor, or a fake clock. It must not run backwards.
        limits: For parsing responses.

    Attributes:
        silence: What every `Sending` begins with.
        epoch: How often what was known has been forgotten; a connection of an earlier one is not kept.
    """

    def __init__(self, dial: Dialler, clock: Clock, limits: Limits) -> None:
        self.dial = dial
        self.clock = clock
        self.limits = limits
        self.silence: float | None = None
        self.epoch = 0
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
        """Keep no connection that was dialled before now: the daemon stops, or trusts others than it did."""
        self.epoch += 1
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
        if connection.epoch != self.epoch:
            connection.abort()
            return
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
