"""One request on its way to an upstream, and the way back.

waits for room ─▶ dials ─▶ served by a connection ─▶ over
                    ▲          │ a kept one was dead, and the request may be repeated
                    └──────────┘
"""

from __future__ import annotations

from typing import Protocol as Shape

from twisted.internet.protocol import Protocol

from pipelock.door.edges import Wire
from pipelock.proxy.eyeballs import Heat, Race
from pipelock.proxy.http1 import Headers, LocalProtocolError
from pipelock.proxy.upstream_connection import Owner, UpstreamConnection
from pipelock.proxy.upstream_request import Dialler, Origin, ResponseSink, UpstreamRequest

__all__ = ["Room", "Sending"]


class Room(Owner, Shape):
    """The pool, as its requests see it."""

    dial: Dialler
    silence: float | None
    epoch: int

    def find_room(self, sending: Sending) -> None:
        """Have `sending` dial, wait or be refused."""

    def forget_waiting(self, sending: Sending) -> None:
        """`sending` waits no more."""

    def give_back(self, origin: Origin) -> None:
        """What was dialled for `origin` did not come about."""

    def adopt(self, connection: UpstreamConnection) -> None:
        """What was dialled is open."""


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
        "_epoch",
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
        self, pool: Room, origin: Origin, addresses: tuple[str, ...], request: UpstreamRequest, sink: ResponseSink
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
        self._epoch = pool.epoch
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
        self._epoch = pool.epoch
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
        connection = UpstreamConnection(self._pool, (origin.scheme, origin.host, origin.port, heat.address), heat)
        # Whom to trust was settled when it was dialled.
        connection.epoch = self._epoch
        return connection

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
