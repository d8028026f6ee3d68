"""The network inside: a loopback interface that every address belongs to, and our listeners on it.

Whatever address a program connects to is this machine's own (a local route for all of them), so the connection comes
to whoever listens on its port: to us, or to nobody, which is a refusal at once. Nothing else leads out. Who connects
to 127.0.0.0/8 or ::1 talks to what the agent itself has started there, except on the ports that we listen on.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final

from pipelock.contain.profile import Network
from pipelock.control.lease import BACKLOG
from pipelock.model import HandedKind, HandedSocket, Wall, WallName, WallState
from pipelock_linux import netlink, nftables
from pipelock_linux.namespaces import WallError, refused

__all__ = ["DNS_PORT", "Handed", "build", "files", "loopback_up", "wall"]

DNS_PORT: Final = 53

_GET_FLAGS: Final = 0x8913  # SIOCGIFFLAGS
_SET_FLAGS: Final = 0x8914
_UP: Final = 0x1
_REQUEST: Final = struct.Struct("16sH14x")
_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_LOOPBACK: Final = {4: "127.0.0.1", 6: "::1"}
_ANYWHERE: Final = {4: "0.0.0.0", 6: "::"}
_ROUTE: Final = 0  # NETLINK_ROUTE
_TRIES: Final = 16
_PKTINFO: Final = 8  # IP_PKTINFO; Python has no name for it
_RECVPKTINFO: Final = 49  # IPV6_RECVPKTINFO
_FREEBIND: Final = 78  # IPV6_FREEBIND
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.ENODEV, errno.EACCES)
"""How a route is refused where the kernel has no IPv6, or where that is switched off."""

Handed = list[tuple[HandedSocket, int]]
"""Sockets and their descriptors, in the order in which they are handed over."""


def build(wish: Network) -> Handed:
    """Make the network of the namespace that the caller has entered and been mapped in.

    Returns:
        What is handed to the daemon, in order. The descriptors are the caller's and close on exec. Those of the second
        family are missing where the kernel has no IPv6; `REDIRECTED` is missing where it can't redirect.

    Raises:
        WallError: the kernel refuses what can't be done without.
    """
    try:
        interface = loopback_up()
    except OSError as error:
        raise refused("bringing the loopback interface up", error) from error
    families = tuple(_families(interface))
    opened: Handed = []
    with contextlib.ExitStack() as undo:
        undo.callback(_close, opened)
        try:
            for family in families:
                opened += _listeners(wish, family)
            if wish.redirect:
                opened += _redirected(wish, families)
        except OSError as error:
            raise refused("listening inside", error) from error
        undo.pop_all()
    return opened


def wall(wish: Network, handed: Sequence[HandedSocket]) -> Wall:
    """What stands, in words."""
    version = "" if any(one.family == 6 for one in handed) else "; IPv4 alone"
    ports = ", ".join(str(port) for port in wish.ports) or "none"
    if any(one.kind is HandedKind.REDIRECTED for one in handed):
        return Wall(WallName.NETWORK, WallState.UP, f"a network of its own: all TCP comes to Pipelock{version}")
    detail = f"a network of its own: TCP ports {ports} come to Pipelock, other connections are refused{version}"
    fix = "load the kernel's nf_tables and nft_redir (modprobe nft_redir nft_chain_nat)" if wish.redirect else ""
    return Wall(WallName.NETWORK, WallState.UP, detail, fix)


def files(hostname: str) -> dict[str, bytes]:
    """What programs that look up names must find inside, by path: us to ask, and this machine alone to know.

    `nsswitch.conf` stays as it is: the services that it may name besides (resolve, mymachines, mdns) can't be reached,
    and then it goes on to `dns`.

    Args:
        hostname: This machine's name; what is none, by its characters, is left out.
    """
    name = (
        hostname if hostname and all(one.isalnum() or one in "-._" for one in hostname) and hostname.isascii() else ""
    )
    own = f" {name}" if name and name != "localhost" else ""
    return {
        "/etc/resolv.conf": b"nameserver 127.0.0.1\noptions timeout:5 attempts:2\n",
        "/etc/hosts": f"127.0.0.1 localhost{own}\n::1 localhost ip6-localhost ip6-loopback{own}\n".encode("ascii"),
    }


def loopback_up() -> int:
    """Switch the loopback interface on; its number.

    Raises:
        OSError: this is refused, as it is where namespaces come without capabilities.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
        answer = fcntl.ioctl(link, _GET_FLAGS, _REQUEST.pack(b"lo", 0))
        flags = _REQUEST.unpack(answer)[1]
        fcntl.ioctl(link, _SET_FLAGS, _REQUEST.pack(b"lo", flags | _UP))
    return socket.if_nametoindex("lo")


def _families(interface: int) -> Iterator[int]:
    for sequence, (family, number) in enumerate(_FAMILIES.items(), 1):
        try:
            netlink.exchange(_ROUTE, [netlink.local_route(number, interface, sequence)])
        except OSError as error:
            if family == 6 and error.errno in _NO_IPV6:
                continue
            raise refused(f"routing IPv{family} to ourselves", error) from error
        yield family


def _listeners(wish: Network, family: int) -> Iterator[tuple[HandedSocket, int]]:
    local, anywhere = _LOOPBACK[family], _ANYWHERE[family]
    yield HandedSocket(HandedKind.PROXY, wish.proxy_port, family), _listen(family, local, wish.proxy_port)
    for port in wish.ports:
        yield HandedSocket(HandedKind.TRANSPARENT, port, family), _listen(family, anywhere, port)
    for port in wish.host_ports:
        yield HandedSocket(HandedKind.HOST_PORT, port, family), _listen(family, local, port)
    yield HandedSocket(HandedKind.DNS, DNS_PORT, family), _answer(family)


def _redirected(wish: Network, families: Sequence[int]) -> Handed:
    """The listeners for all other ports and the rule that leads there; none where the kernel has no such rules."""
    opened = _same_port(families)
    port = opened[0][0].port
    try:
        netlink.exchange(nftables.NETFILTER, nftables.redirect(port, wish.ports))
    except (OSError, ValueError):
        _close(opened)
        return []
    return opened


def _same_port(families: Sequence[int]) -> Handed:
    """A listener in each family, on the same port, which the kernel chooses.

    It is asked for by number, though: one that the kernel chose for a socket it takes back when that is shut, as it is
    while the daemon is away, and the rule would lead nowhere.
    """
    for _ in range(_TRIES):
        opened: Handed = []
        port = _free_port(families[0])
        try:
            for family in families:
                descriptor = _listen(family, _LOOPBACK[family], port)
                opened.append((HandedSocket(HandedKind.REDIRECTED, port, family), descriptor))
        except OSError as error:
            _close(opened)
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return opened
    raise WallError(WallName.NETWORK, "no port is free in both families")


def _free_port(family: int) -> int:
    with socket.socket(_FAMILIES[family], socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as link:
        link.bind((_LOOPBACK[family], 0))
        return int(link.getsockname()[1])


def _listen(family: int, address: str, port: int) -> int:
    """Without SO_REUSEADDR and SO_REUSEPORT: nobody else may have the port as well."""
    with socket.socket(_FAMILIES[family], socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as link:
        if family == 6:
            link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        link.bind((address, port))
        link.listen(BACKLOG)
        return link.detach()


def _answer(family: int) -> int:
    """The socket for names. It tells which address was asked: an answer from another one is not believed."""
    with socket.socket(_FAMILIES[family], socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as link:
        if family == 6:
            link.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            link.setsockopt(socket.IPPROTO_IPV6, _RECVPKTINFO, 1)
            # Addresses that are ours by the route alone may be answered from.
            link.setsockopt(socket.IPPROTO_IPV6, _FREEBIND, 1)
        else:
            link.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)
        link.bind((_ANYWHERE[family], DNS_PORT))
        return link.detach()


def _close(opened: Handed) -> None:
    for _, descriptor in opened:
        os.close(descriptor)
    opened.clear()
