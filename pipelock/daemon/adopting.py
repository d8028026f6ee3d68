"""The sockets of launched agents, served on the reactor."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence

from pipelock.daemon.containment import Served
from pipelock.door.edges import Reactor
from pipelock.identity import ContainedCaller
from pipelock.model import Contained, HandedKind, HandedSocket
from pipelock.proxy.contained import factory_for
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.fake_dns import DnsPort, FakeNames

__all__ = ["Adopting"]

_FAMILIES: dict[int, int] = {4: socket.AF_INET, 6: socket.AF_INET6}


class _NamesPort:
    """`DnsPort` as a port: it can be stopped."""

    def __init__(self, port: DnsPort) -> None:
        self._port = port

    def stopListening(self) -> None:
        """Answer no more."""
        self._port.close()


class Adopting:
    """Serves what launchers hand over. The descriptors stay the caller's: the reactor gets copies."""

    def __init__(self, reactor: Reactor, context: ProxyContext) -> None:
        self._reactor = reactor
        self._context = context

    def __call__(
        self, contained: Contained, caller: ContainedCaller, handed: Sequence[tuple[HandedSocket, int]]
    ) -> Sequence[Served]:
        """Serve all of them; the names inside are one table.

        Raises:
            OSError: one can't be served; none is then.
        """
        names = FakeNames()
        ports: list[Served] = []
        try:
            for said, descriptor in handed:
                ports.append(self._port(contained, caller, said, descriptor, names))
        except OSError:
            for port in ports:
                port.stopListening()
            raise
        return ports

    def _port(
        self, contained: Contained, caller: ContainedCaller, said: HandedSocket, descriptor: int, names: FakeNames
    ) -> Served:
        if said.kind is HandedKind.DNS:
            return _NamesPort(DnsPort(self._reactor, os.dup(descriptor), names))
        factory = factory_for(self._context, contained, caller, said, names)
        return self._reactor.adoptStreamPort(descriptor, _FAMILIES[said.family], factory)
