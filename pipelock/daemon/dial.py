"""Opens connections to judged addresses: the only place that dials."""

from __future__ import annotations

from twisted.internet import ssl
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from pipelock.door.edges import Connector, Reactor
from pipelock.proxy.upstream import Origin

__all__ = ["Dial"]


class Dial:
    """Connects to an address; for https origins TLS is started and the certificate must be the host's own."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor

    def __call__(self, origin: Origin, address: str, factory: Factory, timeout: float) -> Connector:
        """Connect for an HTTP exchange."""
        if origin.scheme == "https":
            options = ssl.optionsForClientTLS(origin.host)
            wrapped = TLSMemoryBIOFactory(contextFactory=options, isClient=True, wrappedFactory=factory)  # type: ignore[arg-type]
            return self._reactor.connectTCP(address, origin.port, wrapped, timeout)  # type: ignore[arg-type]
        return self._reactor.connectTCP(address, origin.port, factory, timeout)

    def tunnel(self, address: str, port: int, factory: Factory, timeout: float) -> Connector:
        """Connect for a tunnel: plain bytes."""
        return self._reactor.connectTCP(address, port, factory, timeout)
