"""Ports: bound with an error that names the key, found again for the banner."""

from __future__ import annotations

import resource
from collections.abc import Mapping

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory

from pipelock.config.schema_agents import AgentProfile
from pipelock.door.edges import Port, Reactor
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.server import ProxyFactory

__all__ = ["BindError", "bind", "bind_agents", "local_names", "raise_file_limit", "split_address", "written_address"]

BACKLOG = 1024
_ANY = frozenset({"", "0.0.0.0", "::"})
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class BindError(Exception):
    """An address could not be listened on; the message names the config key."""


def split_address(address: str) -> tuple[str, int]:
    """`host:port` in parts; brackets of IPv6 hosts are taken off."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def bind(reactor: Reactor, key: str, address: str, factory: Factory) -> Port:
    """Listen on `address` (`host:port`).

    Raises:
        BindError: the address is taken or not ours.
    """
    host, port = split_address(address)
    try:
        return reactor.listenTCP(port, factory, backlog=BACKLOG, interface=host)
    except CannotListenError as error:
        raise BindError(
            f"{key}: cannot listen on {address}: {error.socketError}; is another daemon running (`pipelock status`)?"
        ) from error


def written_address(address: str, port: Port) -> str:
    """Where a listener for `address` really is: the port is the kernel's choice for `:0`."""
    host, _ = split_address(address)
    name = f"[{host}]" if ":" in host else host or "0.0.0.0"
    return f"{name}:{port.getHost().port}"


def bind_agents(reactor: Reactor, agents: Mapping[str, AgentProfile], context: ProxyContext) -> list[Port]:
    """Listen on the ports of all profiles: who comes to one is that agent.

    Raises:
        BindError: an address is taken or not ours.
    """
    ports = []
    for name, profile in agents.items():
        for index, address in enumerate(profile.listeners):
            factory = ProxyFactory(context, name)
            port = bind(reactor, f"agents.{name}.listeners[{index}]", address, factory)
            factory.local_names = local_names(address, port.getHost().port)
            ports.append(port)
    return ports


def local_names(address: str, port: int) -> frozenset[str]:
    """The Host values under which a loopback listener may be asked for local pages; empty where any may."""
    host, _ = split_address(address)
    if host in _ANY or not (host.startswith("127.") or host in ("::1", "localhost")):
        return frozenset()
    names = {*_LOOPBACK_NAMES, host, f"[{host}]"}
    return frozenset({f"{name}:{port}" for name in names} | (names if port == 80 else set()))


def raise_file_limit() -> int:
    """Allow as many open files as the system lets this user have; returns how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard or hard == resource.RLIM_INFINITY:
        wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        except (ValueError, OSError):
            return soft
        return max(soft, wanted)
    return soft
