"""TLS with a client, in the middle of a tunnel it opened."""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from twisted.internet.protocol import Protocol

from pipelock.door.edges import Clock, Wire
from pipelock.proxy.limits import HANDSHAKE_SECONDS
from pipelock.proxy.tls_wire import TlsWire
from pipelock.tls.pipe import BrokenTlsError
from pipelock.tls.refusal import TlsFailure, broken_handshake, closed_silently, out_of_time

__all__ = ["TlsFailure", "TlsServer", "start_tls"]

SILENT_SECONDS = 5.0
"""A client that closes later than this without a word had other reasons: a connection it kept in store."""


def start_tls(  # noqa: PLR0917 - four of them are what it is about
    wire: Wire,
    context: SSL.Context,
    early: bytes,
    protocol: Protocol,
    failed: Callable[[TlsFailure], None],
    agent: str = "",
    clock: Clock | None = None,
) -> TlsServer:
    """Speak TLS on `wire` from now on, as a server, and `protocol` inside it.

    Either `failed` is called, once, and the connection closed; or `protocol` is connected when the handshake is done,
    its transport a `Wire`, and loses its connection as usual later. There is one case of both: a client that finished
    the handshake and then, before it said anything, refused our certificate with an alert or just closed. `failed` is
    told so before `protocol.connectionLost`.

    A handshake that takes longer than `HANDSHAKE_SECONDS` has failed.

    Args:
        wire: The client's TCP transport. Its protocol is replaced; a producer that is registered with it must have been
            unregistered, and reading resumed.
        context: `Authority.context_for(host)`.
        early: What was read already: the ClientHello, and perhaps more.
        protocol: Who speaks inside.
        failed: Told why no conversation came about.
        agent: The User-Agent of the CONNECT request, from which the hint is guessed; empty if there was none.
        clock: Measures the handshake; by default the reactor of `wire`, where it has one.
    """
    clock = clock or getattr(wire, "reactor", None)
    server = TlsServer(context, protocol, failed, agent, clock)
    wire.protocol = server  # type: ignore[attr-defined]  # as Twisted's own startTLS does
    server.makeConnection(wire)  # type: ignore[no-untyped-call]
    if early:
        server.dataReceived(early)
    return server


class TlsServer(TlsWire):
    """The server's side, with an eye on how clients refuse it."""

    def __init__(
        self,
        context: SSL.Context,
        protocol: Protocol,
        failed: Callable[[TlsFailure], None],
        agent: str,
        clock: Clock | None,
    ) -> None:
        connection = SSL.Connection(context, None)
        connection.set_accept_state()
        super().__init__(connection)
        self._protocol = protocol
        self._tell = failed
        self._agent = agent
        self._told = False
        self._clock = clock
        self._ready_at = 0.0
        self._too_late = clock.callLater(HANDSHAKE_SECONDS, self.time_out) if clock is not None else None

    def time_out(self) -> None:
        """The handshake takes too long: give it up."""
        self._too_late = None
        self._say(out_of_time())
        self.abortConnection()

    def _ready(self) -> Protocol:
        self._in_time()
        self._ready_at = self._clock.seconds() if self._clock is not None else 0.0
        return self._protocol

    def _failed(self, error: BrokenTlsError) -> None:
        self._in_time()
        self._say(broken_handshake(error, self._agent, showed_certificate=self.pipe.sent > 0))

    def _broke(self, error: BrokenTlsError) -> Exception:
        """The first word after the handshake may be an alert: with TLS 1.3 we hear of the client's check after it."""
        failure = broken_handshake(error, self._agent, showed_certificate=True)
        if not self.received and failure.refused_ca:
            self._say(failure)
        return error

    def _peer_left(self) -> None:
        """A client that has said nothing looked at our certificate and left, as Node does."""
        late = self._clock is not None and self._clock.seconds() - self._ready_at >= SILENT_SECONDS
        if not self.received and not late:
            self._say(closed_silently(self._agent))

    def _in_time(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None

    def _say(self, failure: TlsFailure) -> None:
        if not self._told:
            self._told = True
            self._tell(failure)
