"""Connections of programs that know of no proxy: they are caught on their way, and nobody says where they want to go.

    destination (the socket's own name, or what the kernel redirected)
        │  an address that stands for a name ─▶ that name
        ▼
    first bytes ─┬─ HTTP ─▶ requests, each judged and read as if it had been sent to the proxy
                 ├─ TLS ──▶ CONNECT ─▶ opened and read, or carried, as any tunnel
                 └─ else, or silence ─▶ CONNECT ─▶ carried, where that is declared or tunnels are not read; else refused

Who connects to an address and names a host in the handshake or in the request (a program that asked another resolver)
means that host: the host is judged, and dialled at the addresses that *we* find for it. The address that the program
chose is used only where nothing names a host. So no rule about hosts is got around by an address, nor the other way
round.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

from pipelock.door.edges import Call, Wire
from pipelock.identity import Caller
from pipelock.model import Action, BlockReason, Decision, Fault, Transport
from pipelock.proxy.client import ProxyConnection
from pipelock.proxy.client_hello import Hello, Malformed
from pipelock.proxy.connect import connect, is_read
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.fake_dns import FakeNames
from pipelock.proxy.first_bytes import FirstBytes, PlainHttp
from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import RemoteProtocolError, RequestHead
from pipelock.proxy.intercept import ACCESS_DENIED, MISMATCH, UNREADABLE
from pipelock.proxy.limits import HEAD_SECONDS
from pipelock.proxy.serving import NEVER, Receiver
from pipelock.proxy.target import authority_of, bound_target, is_bound_to, parse_target
from pipelock.proxy.tunnel import Inside

__all__ = ["SILENT_SECONDS", "CaughtConnection", "Place", "TransparentConnection", "original_destination", "own_name"]

SILENT_SECONDS = 2.0
"""Who has said nothing for so long waits for the other side to speak first (unless its port is one of the web's)."""

MAX_EARLY = 16_384
"""Bytes kept of who speaks before its tunnel is open; beyond it the client is not read."""
_WEB = frozenset({80, 443})
_ORIGINAL_DST = 80  # SO_ORIGINAL_DST (linux/netfilter_ipv4.h) and IP6T_SO_ORIGINAL_DST, the same number
_NO_NAME = Fault(
    BlockReason.BAD_REQUEST,
    "the address stands for no name any more; resolve the name again",
    421,
    layer="sandbox",
)
_NO_FORWARDING = Fault(
    BlockReason.NOT_ENABLED,
    "connections are caught, and none is carried while forward_proxy.enabled is off",
    layer="sandbox",
)

Place = tuple[str, int]
"""An address as text, and a port."""


def own_name(wire: Wire) -> Place:
    """Where a caught connection wanted to go, by the name of its socket."""
    host = wire.getHost()
    return host.host, host.port


def original_destination(wire: Wire) -> Place:
    """Where a redirected connection wanted to go before the kernel (netfilter) led it here.

    Raises:
        OSError: it was not redirected.
    """
    handle = wire.getHandle()
    if handle.family == socket.AF_INET6:
        raw = handle.getsockopt(socket.IPPROTO_IPV6, _ORIGINAL_DST, 28)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), struct.unpack_from("!H", raw, 2)[0]
    raw = handle.getsockopt(socket.IPPROTO_IP, _ORIGINAL_DST, 16)
    return socket.inet_ntop(socket.AF_INET, raw[4:8]), struct.unpack_from("!H", raw, 2)[0]


class CaughtConnection(ProxyConnection):
    """Serves a client that knows of no proxy, so that nothing is told it but in the protocol that it speaks itself.

    Attributes:
        speaks_tls: Whether that is TLS.
        waits: Whether a tunnel is being judged or dialled for it.
    """

    def __init__(self, context: ProxyContext, caller: Caller) -> None:
        super().__init__(context, caller.client, caller=caller)
        self.speaks_tls = False
        self.waits = False
        self._early: list[bytes] = []
        self._early_size = 0
        self._has_finished = False

    def tunnel(
        self, host: str, port: int, fault: Fault | None = None, inside: Inside = Inside.NO_HTTP, *, named: bool = False
    ) -> None:
        """Have a tunnel to `host` judged and opened. `named`: the operator has named this very place."""
        self.deadline = NEVER
        self.waits = True
        self.target = authority_of(host, port)
        action = msgspec.structs.replace(self.action(Transport.CONNECT, fault), method="CONNECT", named=named)
        cancel = connect(self.context, self, action, inside)
        if self.waits:
            self.road = _Waiting(cancel)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if not self.waits:
            super().dataReceived(data)
            return
        self._early.append(data)
        self._early_size += len(data)
        if self._early_size > MAX_EARLY and self.transport is not None:
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        """Its FIN: what does not speak TLS may have said all that it has to say, and wait for an answer."""
        if self.waits and not self.speaks_tls:
            self._has_finished = True
        else:
            super().readConnectionLost()

    @property
    def is_idle(self) -> bool:
        """Whether it has said nothing, or nothing since its last answer."""
        return super().is_idle and self.road is None and not self._early

    def take_over(self, receiver: Receiver) -> bytes:
        """As the base has it, with what came before the tunnel was open."""
        self.waits = False
        super().take_over(receiver)
        early, self._early = b"".join(self._early), []
        if self._has_finished:
            # After what came before it.
            self.context.clock.callLater(0, self._finished)
        return early

    def _finished(self) -> None:
        super().readConnectionLost()

    def say_open(self) -> None:
        """It has thought so all the time."""

    def not_reached(self, status: int, why: str) -> None:
        """It learns by a reset."""
        self.waits = False
        self.abort()

    def too_many(self, action: Action) -> None:
        """Likewise."""
        self.waits = False
        self.context.door.failed(action, "too many active tunnels")
        self.abort()

    def refuse(self, action: Action, decision: Decision) -> None:
        """Answer HTTP with a page, TLS with an alert, and everything else with a reset."""
        if not self.waits:
            super().refuse(action, decision)
            return
        self.waits = False
        if self.speaks_tls and self.transport is not None:
            self.road = None
            self.transport.write(ACCESS_DENIED)
            self.lose()
        else:
            self.abort()


class _Waiting:
    """A tunnel that is being judged."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self.cancel = cancel

    def request_data(self, data: bytes) -> None:
        """There is no request."""

    def request_end(self) -> None:
        """Likewise."""

    def client_blocked(self) -> None:
        """Nothing is being written."""

    def client_ready(self) -> None:
        """Likewise."""


class TransparentConnection(CaughtConnection):
    """Serves one caught client.

    Args:
        context: The shared parts.
        caller: Whose it is.
        names: What addresses stand for in its sandbox.
        find: Tells from the transport where it wanted to go.
    """

    carries = Transport.FORWARD

    def __init__(
        self, context: ProxyContext, caller: Caller, names: FakeNames, find: Callable[[Wire], Place] = own_name
    ) -> None:
        super().__init__(context, caller)
        self._names = names
        self._find = find
        self._host, self._port = "", 0
        self._is_named = False
        self._fault: Fault | None = None
        self._first: FirstBytes | None = FirstBytes()
        self._silence: Call | None = None

    # -- where to --------------------------------------------------------------------------------------------------

    def opened(self) -> None:
        """Find out where it wants to go."""
        super().opened()
        place = self._destination()
        if place is None:
            # What is inside is inside: its loopback is not this machine's, and nobody listens there.
            self.abort()
            return
        self._host, self._port = place
        name = self._names.name_of(self._host)
        if name is not None:
            self._host, self._is_named = name, True
        elif self._names.covers(self._host):
            self._fault = _NO_NAME
        if not self.context.settings.forward_enabled:
            self._fault = _NO_FORWARDING
        if self._fault is not None:
            return
        if self.context.settings.raw_tcp.covers(self._host, self._port):
            self._first = None
            self.tunnel(self._host, self._port)
        elif self._port not in _WEB and not is_read(self.context, self._host, self._port):
            self._silence = self.context.clock.callLater(SILENT_SECONDS, self._is_silent)

    def _destination(self) -> Place | None:
        if self.transport is None:
            return None
        try:
            host, port = self._find(self.transport)
            address = ip_address(host.partition("%")[0])
        except (OSError, ValueError):
            return None
        if isinstance(address, IPv6Address):
            address = address.ipv4_mapped or address
        return None if _is_inside(address) or not port else (str(address), port)

    # -- what it speaks --------------------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._first is not None:
            self._look(data)
        else:
            super().dataReceived(data)

    def _look(self, data: bytes) -> None:
        if self._first is None:
            return
        if not self._early:
            self.deadline = self.context.clock.seconds() + HEAD_SECONDS
        self._calm()
        self._early.append(data)
        self._early_size += len(data)
        seen = self._first.feed(data)
        if seen is None:
            return
        self._first = None
        if isinstance(seen, PlainHttp):
            early, self._early = b"".join(self._early), []
            super().dataReceived(early)
            return
        self.speaks_tls = isinstance(seen, Hello | Malformed)
        host, fault = self._host, self._fault
        if isinstance(seen, Hello) and seen.server_name and not self._is_named:
            host = seen.server_name
        elif isinstance(seen, Malformed):
            fault = fault or Fault(BlockReason.BAD_REQUEST, f"the TLS handshake is malformed: {seen.why}")
        elif not self.speaks_tls and is_read(self.context, host, self._port):
            fault = fault or UNREADABLE
        self.tunnel(host, self._port, fault)

    def _is_silent(self) -> None:
        self._silence = None
        if self._first is not None:
            self._first = None
            self.tunnel(self._host, self._port)

    def expired(self) -> None:
        """It did not say in time what it wants."""
        if self._first is None:
            super().expired()
            return
        self._first = None
        if self._early or self._port in _WEB:
            # Programs keep connections in store that they never use.
            self.abort()
        else:
            self.tunnel(self._host, self._port, self._fault or UNREADABLE)

    def readConnectionLost(self) -> None:
        """Who sends no more before it said what it wants has left."""
        if self._first is not None:
            self.abort()
        else:
            super().readConnectionLost()

    def closed(self) -> None:
        """As the base has it."""
        self._calm()
        super().closed()

    def _calm(self) -> None:
        call, self._silence = self._silence, None
        if call is not None and call.active():
            call.cancel()

    # -- HTTP in the clear -----------------------------------------------------------------------------------------

    def request_head(self, head: RequestHead) -> None:
        """Send the request to where the client wanted to go."""
        try:
            named = parse_target(head)
        except RemoteProtocolError as error:
            self.malformed(error)
            return
        host = self._host
        if not self._is_named and named.host and named.form != "authority" and _is_name(named.host):
            host = named.host
        self.target = target = bound_target(named, "http", host, self._port)
        if self._fault is not None:
            self.refuse_fault(self._fault)
        elif not is_bound_to(named, "http", host, self._port):
            self.refuse_fault(MISMATCH)
        else:
            self.carry(Destination(head, target))


def _is_inside(address: IPv4Address | IPv6Address) -> bool:
    return address.is_loopback or address.is_unspecified or address.is_multicast


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
