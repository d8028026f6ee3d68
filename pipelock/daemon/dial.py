"""Opens connections to judged addresses: the only place that dials."""

from __future__ import annotations

import os
from typing import cast

from twisted.internet.protocol import ClientFactory, Factory

from pipelock.door.edges import Clock, Connector, Reactor
from pipelock.proxy.tls_client import TlsClientFactory, UpstreamTlsError
from pipelock.proxy.tls_wire import failure
from pipelock.proxy.upstream import Origin
from pipelock.tls.upstream import TrustError, UpstreamTls

__all__ = ["Dial"]


class _Undialled:
    """A connection that is not even tried. Its factory hears of that in the next turn, as with any other."""

    def __init__(self, factory: ClientFactory, error: Exception, clock: Clock) -> None:
        self._call = clock.callLater(0, factory.clientConnectionFailed, self, failure(error))

    def disconnect(self) -> None:
        """Nobody wants to know any more."""
        if self._call.active():
            self._call.cancel()


class Dial:
    """Connects to an address; for https origins TLS is started and the certificate must be the host's own.

    Args:
        reactor: Connects.
        upstream: Who is trusted: may be replaced at any time, for what is dialled from then on. By default the
            system's authorities, and no client certificates.
    """

    def __init__(self, reactor: Reactor, upstream: UpstreamTls | None = None) -> None:
        self.upstream = upstream
        self._reactor = reactor

    def __call__(self, origin: Origin, address: str, factory: Factory, timeout: float) -> Connector:
        """Connect for an HTTP exchange: `factory` builds its protocol when everything is up, TLS included."""
        if origin.scheme == "https":
            inner = cast("ClientFactory", factory)
            try:
                # Not before it is needed: reading the store takes a few milliseconds.
                self.upstream = self.upstream or UpstreamTls(environ=os.environ)
            except TrustError as error:
                return _Undialled(inner, UpstreamTlsError(f"{origin.host} can't be checked: {error}"), self._reactor)
            factory = TlsClientFactory(inner, self.upstream, origin.host, origin.port, self._reactor, timeout)
        return self._reactor.connectTCP(address, origin.port, factory, timeout)

    def tunnel(self, address: str, port: int, factory: Factory, timeout: float) -> Connector:
        """Connect for a tunnel: plain bytes."""
        return self._reactor.connectTCP(address, port, factory, timeout)
