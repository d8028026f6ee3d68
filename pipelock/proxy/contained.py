"""Listeners inside a sandbox: who comes to one is that sandbox, whatever it says."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pipelock.identity import Caller, ContainedCaller, contained_key
from pipelock.model import Contained, HandedKind, HandedSocket
from pipelock.proxy.client import ProxyConnection
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.fake_dns import FakeNames
from pipelock.proxy.limits import MAX_CONNECTIONS
from pipelock.proxy.relay import RelayConnection
from pipelock.proxy.server import ClientConnection
from pipelock.proxy.transparent import TransparentConnection, original_destination, own_name

__all__ = ["MAX_OF_ONE", "ContainedFactory", "factory_for"]

MAX_OF_ONE = 4096
"""Connections of one sandbox; beyond it one that is idle makes room, or new ones are not served."""
_LOOKED_AT = 64

_INSIDE = "127.0.0.1"
"""The address of whoever is inside: in the sandbox's own network every address is the agent's."""


class ContainedFactory(Factory):
    """Makes a connection object for each client of one listener of a sandbox."""

    noisy = False

    def __init__(self, context: ProxyContext, session: ContainedCaller, make: Callable[[], ProxyConnection]) -> None:
        self._context = context
        self._key = contained_key(session)
        self._make = make

    def buildProtocol(self, addr: IAddress | None) -> ProxyConnection | None:
        """Serve a client, making room first where the table is full."""
        if self._context.in_flight(self._key) >= MAX_OF_ONE and not self._make_room():
            return None
        if len(self._context.connections) >= MAX_CONNECTIONS and not self._context.make_room():
            return None
        return self._make()

    def _make_room(self) -> bool:
        for member in self._context.by_session.of(self._key)[:_LOOKED_AT]:
            if isinstance(member, ProxyConnection) and member.is_idle:
                member.abort()
                return True
        return False


def factory_for(
    context: ProxyContext, contained: Contained, session: ContainedCaller, handed: HandedSocket, names: FakeNames
) -> ContainedFactory:
    """What serves the listening socket `handed` of a sandbox.

    Args:
        context: The shared parts.
        contained: The sandbox.
        session: The same, as connections tell of it.
        handed: What the socket is for. That ports of this machine may be relayed was decided before.
        names: What addresses stand for inside: one table for all sockets of the sandbox.

    Raises:
        ValueError: nobody connects to a descriptor of this kind.
    """
    caller = Caller(_INSIDE, contained=session)

    def proxy() -> ProxyConnection:
        local = _names_of(handed.port)
        return ClientConnection(context, _INSIDE, local_names=local, caller=caller, name_of=names.name_of)

    make: Callable[[], ProxyConnection]
    match handed.kind:
        case HandedKind.PROXY:
            make = proxy
        case HandedKind.TRANSPARENT:
            make = lambda: TransparentConnection(context, caller, names, own_name)  # noqa: E731 - as its siblings
        case HandedKind.REDIRECTED:
            make = lambda: TransparentConnection(context, caller, names, original_destination)  # noqa: E731
        case HandedKind.HOST_PORT:
            make = lambda: RelayConnection(context, caller, handed.port)  # noqa: E731
        case _:
            raise ValueError(f"sandbox {contained.id}: nobody connects to a descriptor of kind {handed.kind.value}")
    return ContainedFactory(context, session, make)


def _names_of(port: int) -> frozenset[str]:
    return frozenset(f"{name}:{port}" for name in ("localhost", "127.0.0.1", "[::1]"))
