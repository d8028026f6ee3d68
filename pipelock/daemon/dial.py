"""Opens connections to judged addresses: the only place that dials."""

from __future__ import annotations

import os
from typing import cast

from twisted.internet.protocol import ClientFactory, Factory

from pipelock.door.edges import Connector, Reactor
from pipelock.proxy.tls_client import TlsClientFactory
from pipelock.proxy.upstream import Origin
from pipelock.tls.upstream import UpstreamTls

__all__ = ["Dial"]


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
            if self.upstream is None:
                # Not before it is needed: reading the store takes a few milliseconds.
                self.upstream = UpstreamTls(environ=os.environ)
            inner = cast("ClientFactory", factory)
            factory = TlsClientFactory(inner, self.upstream, origin.host, origin.port, self._reactor, timeout)
        return self._reactor.connectTCP(address, origin.port, factory, timeout)

    def tunnel(self, address: str, port: int, factory: Factory, timeout: float) -> Connector:
        """Connect for a tunnel: plain bytes."""
        return self._reactor.connectTCP(address, port, factory, timeout)
