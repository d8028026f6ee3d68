"""TLS with a server: a factory that puts it between a TCP connection and whoever speaks HTTP."""

from __future__ import annotations

from twisted.internet.error import ConnectError
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from pipelock.door.edges import Call, Clock, Connector
from pipelock.proxy.tls_wire import TlsWire, failure
from pipelock.tls.pipe import BrokenTlsError
from pipelock.tls.upstream import UpstreamTls
from pipelock.tls.verify import wire_problem

__all__ = ["TlsClientFactory", "UpstreamTlsError"]


class UpstreamTlsError(ConnectError):
    """A server was refused, or did not speak TLS; one sentence that names it, the problem and the way out.

    Attributes:
        is_final: It answered, and this is what comes of it; false where it only went silent or away, so that another
            address of the same name may do better.
    """

    def __init__(self, why: str, *, is_final: bool = True) -> None:
        super().__init__(string=why)  # type: ignore[no-untyped-call]
        self.why = why
        self.is_final = is_final

    def __str__(self) -> str:
        return self.why


class TlsClientFactory(ClientFactory):
    """Wraps the factory of an HTTP client.

    The inner factory sees TCP and TLS as one: its protocol is built and connected when the handshake is done and the
    server is the right one; a handshake that fails is a connection that failed (`clientConnectionFailed` with an
    `UpstreamTlsError`).

    Args:
        inner: Makes the protocol that speaks inside.
        upstream: Who is trusted.
        host: Who the server must be.
        port: Of the server; sessions are kept for each.
        clock: The reactor.
        timeout: Seconds that the handshake may take.
    """

    noisy = False

    def __init__(  # noqa: PLR0917 - wiring
        self, inner: ClientFactory, upstream: UpstreamTls, host: str, port: int, clock: Clock, timeout: float
    ) -> None:
        self.inner = inner
        self.upstream = upstream
        self.host = host
        self.port = port
        self.clock = clock
        self.timeout = timeout
        self._connector: Connector | None = None
        self._is_through = False

    def startedConnecting(self, connector: Connector) -> None:
        """Pass it on."""
        self._connector = connector
        self.inner.startedConnecting(connector)  # type: ignore[arg-type]  # a zope interface there

    def buildProtocol(self, addr: object) -> TlsClient:
        """TCP is up: TLS comes next."""
        return TlsClient(self, addr)

    def build_inner(self, addr: object) -> Protocol | None:
        """TLS is up too."""
        self._is_through = True
        return self.inner.buildProtocol(addr)  # type: ignore[arg-type, return-value]  # zope interfaces there

    def shake_failed(self, why: str, *, is_final: bool = True) -> None:
        """The handshake failed, or the server is the wrong one."""
        reason = failure(UpstreamTlsError(why, is_final=is_final))
        self.inner.clientConnectionFailed(self._connector, reason)  # type: ignore[arg-type]

    def clientConnectionFailed(self, connector: Connector, reason: Failure) -> None:
        """TCP did not come about."""
        self.inner.clientConnectionFailed(connector, reason)  # type: ignore[arg-type]

    def clientConnectionLost(self, connector: Connector, reason: Failure) -> None:
        """TCP is gone; who never heard of the connection does not hear of its end."""
        if self._is_through:
            self.inner.clientConnectionLost(connector, reason)  # type: ignore[arg-type]


class TlsClient(TlsWire):
    """The client's side: accepts the right server alone."""

    def __init__(self, factory: TlsClientFactory, addr: object) -> None:
        super().__init__(factory.upstream.connection(factory.host, factory.port))
        self._factory = factory
        self._addr = addr
        self._is_good = False
        self._why = ""
        self._too_late: Call | None = factory.clock.callLater(factory.timeout, self._time_out)

    def _time_out(self) -> None:
        self._too_late = None
        self._why = f"{self._factory.host} did not finish the TLS handshake in {self._factory.timeout:g} s"
        self.abortConnection()

    def _ready(self) -> Protocol | None:
        self._in_time()
        problem = self._factory.upstream.problem(self.pipe.connection)
        if problem:
            self._factory.shake_failed(problem)
            return None
        self._is_good = True
        return self._factory.build_inner(self._addr)

    def _failed(self, error: BrokenTlsError) -> None:
        self._in_time()
        refused = self._factory.upstream.problem_found(self.pipe.connection)
        is_final = bool(refused or error.reasons) and not self._why
        why = self._why or refused or wire_problem(self._factory.host, error)
        self._factory.shake_failed(why, is_final=is_final)

    def _broke(self, error: BrokenTlsError) -> Exception:
        self._is_good = False
        return UpstreamTlsError(wire_problem(self._factory.host, error, was_open=True))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Keep the session for the next time."""
        if self._is_good:
            self._factory.upstream.finished(self.pipe.connection, self._factory.host, self._factory.port)
        super().connectionLost(reason)

    def _in_time(self) -> None:
        if self._too_late is not None:
            self._too_late.cancel()
            self._too_late = None
