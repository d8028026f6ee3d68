"""One TCP socket asked for by its addresses: sock_diag(7), the exact look-up, not the list."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address
from typing import NamedTuple

__all__ = ["Ends", "Found", "SocketDiag", "folded"]

# <linux/netlink.h>, <linux/sock_diag.h>, <linux/inet_diag.h>. Python knows AF_NETLINK and none of the rest.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_PORTS = struct.Struct("!HH")
_REST = struct.Struct("=III")
_NO_COOKIE = 0xFFFF_FFFF
_ALL_STATES = 0xFFFF_FFFF
_ANSWER = struct.Struct("=4B48sIIIII")
_LISTEN = 10
_SECONDS = 0.2
_MAX_ANSWER = 4096


class Ends(NamedTuple):
    """The two ends of a connection to us, IPv4 addresses as such."""

    client: str
    client_port: int
    server: str
    server_port: int


class Found(NamedTuple):
    """A socket: its inode number and the user who owns it."""

    inode: int
    uid: int


def folded(address: str) -> str:
    """An address without zone, and an IPv4 address that came in IPv6 form as IPv4. Not an address: as it is."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = found.ipv4_mapped if found.version == 6 else None
    return str(mapped or found)


class SocketDiag:
    """A netlink socket to ask on. For one thread. Close it.

    Raises:
        OSError: The system has no such thing, or not for us.
    """

    def __init__(self) -> None:
        family = getattr(socket, "AF_NETLINK", None)
        if family is None:
            raise OSError("this system has no netlink")
        self._socket = socket.socket(family, socket.SOCK_RAW | getattr(socket, "SOCK_CLOEXEC", 0), _NETLINK_SOCK_DIAG)
        self._socket.settimeout(_SECONDS)
        self._sequence = 0

    def close(self) -> None:
        """Give the descriptor back."""
        self._socket.close()

    def find(self, ends: Ends) -> Found | None:
        """The client's socket; `None` where this system has none, or it belongs to no process any more.

        Raises:
            OSError: The kernel does not answer.
            ValueError: `ends` are no addresses.
        """
        self._sequence = (self._sequence + 1) & 0xFFFF_FFFF
        self._socket.send(_question(ends, self._sequence))
        while True:
            answer = self._socket.recv(_MAX_ANSWER)
            if len(answer) < _HEADER.size:
                return None
            _, kind, _, sequence, _ = _HEADER.unpack_from(answer)
            if sequence == self._sequence:
                return _read(answer, ends) if kind == _SOCK_DIAG_BY_FAMILY else None


def _question(ends: Ends, sequence: int) -> bytes:
    is_six = ":" in ends.client
    family = socket.AF_INET6 if is_six else socket.AF_INET
    source, target = (socket.inet_pton(family, host).ljust(16, b"\0") for host in (ends.client, ends.server))
    body = b"".join(
        (
            _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ALL_STATES),
            _PORTS.pack(ends.client_port, ends.server_port),
            source,
            target,
            _REST.pack(0, _NO_COOKIE, _NO_COOKIE),
        )
    )
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, sequence, 0) + body


def _read(answer: bytes, ends: Ends) -> Found | None:
    if len(answer) < _HEADER.size + _ANSWER.size:
        return None
    _, state, _, _, ident, _, _, _, uid, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    # Where nothing is connected so, the kernel offers what listens on that port.
    if state == _LISTEN or _PORTS.unpack_from(ident) != (ends.client_port, ends.server_port):
        return None
    return Found(inode, uid) if inode else None
