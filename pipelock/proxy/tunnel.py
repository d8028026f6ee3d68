"""A CONNECT tunnel: bytes both ways between the client and a judged address.

The client's first bytes are looked at before any of them goes out: a TLS ClientHello must name the host the tunnel
was opened to (RFC 6066 §3). What the server says meanwhile passes at once, for protocols in which it speaks first.
Each side is read only as fast as the other takes it, the kill switch is asked at every read, and a tunnel ends when
it was silent for `idle_timeout_seconds` or lived for `max_tunnel_seconds`.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Protocol as Shape

import msgspec
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.edges import Connector, Wire
from pipelock.model import Action, BlockReason, Decision, Direction, Fault, Kind, TunnelClosed, Verdict
from pipelock.proxy.client_hello import Hello, Malformed
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.eyeballs import Heat, Race
from pipelock.proxy.fastwrite import send_at_once
from pipelock.proxy.first_bytes import FirstBytes, PlainHttp
from pipelock.proxy.limits import HELLO_SECONDS, WRITE_SECONDS
from pipelock.proxy.serving import Receiver

__all__ = ["Inside", "NearSide", "Tunnel"]

_READ_SIZE = 256 * 1024
_SSH = (b"SSH-2.0-", b"SSH-1.99-")
"""How SSH begins (RFC 4253 §4.2, §5.1)."""
_NOT_SSH = Fault(
    BlockReason.NOT_ENABLED,
    "port 22 of a host in forward_proxy.raw_tcp is for SSH, and what is sent is not",
    layer="raw_tcp",
)
_PLAIN_HTTP = Fault(
    BlockReason.BAD_REQUEST,
    "plain HTTP inside a tunnel would pass unread; send it to the proxy as an ordinary request with an absolute URL",
)


class NearSide(Shape):
    """The client's connection, as its tunnel sees it."""

    transport: Wire | None

    def take_over(self, receiver: Receiver) -> bytes:
        """From now on it is `receiver` who gets what the client sends; returns what came already."""

    def say_open(self) -> None:
        """Tell the client that the tunnel is open, where it waits to be told."""

    def not_reached(self, status: int, why: str) -> None:
        """Nobody answers at the other end. `status` is what an HTTP client would be told."""

    def abort(self) -> None:
        """Close at once."""


class Inside(Enum):
    """What may be inside a tunnel that is not opened."""

    ANYTHING = auto()
    """Looked at for the name in a handshake, and for HTTP, which could have been read, if `sni_verification` is on."""
    NO_HTTP = auto()
    """Looked at in any case: its client never asked for a tunnel."""
    SSH = auto()
    UNSEEN = auto()
    """Nobody looks: a port of this machine that was granted."""


_LOOKED_AT = (Inside.SSH, Inside.NO_HTTP)


@implementer(IHalfCloseableProtocol, IPushProducer)
class _UpstreamLeg(Protocol):
    """The tunnel's far side, once it has won the race of the addresses; until then nobody hears of it."""

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, heat: Heat) -> None:
        self._heat = heat
        self._tunnel: Tunnel | None = None

    def serve(self, tunnel: Tunnel) -> None:
        """Carry for `tunnel` from now on."""
        self._tunnel = tunnel
        if self.transport is not None:
            self.transport.bufferSize = _READ_SIZE
            self.transport.registerProducer(self, streaming=True)

    def connectionMade(self) -> None:
        send_at_once(self.transport)
        self._heat.opened()

    def dataReceived(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.from_upstream(data)

    def readConnectionLost(self) -> None:
        if self._tunnel is not None:
            self._tunnel.upstream_finished()

    def writeConnectionLost(self) -> None:
        pass

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._tunnel is not None:
            self._tunnel.upstream_lost()

    def pauseProducing(self) -> None:
        if self._tunnel is not None:
            self._tunnel.upstream_blocked()

    def resumeProducing(self) -> None:
        if self._tunnel is not None:
            self._tunnel.upstream_ready()

    def stopProducing(self) -> None:
        pass


class Tunnel:
    """One tunnel. Every way it can end goes through `end`."""

    def __init__(
        self,
        context: ProxyContext,
        client: NearSide,
        action: Action,
        addresses: tuple[str, ...],
        inside: Inside = Inside.ANYTHING,
    ) -> None:
        self._context = context
        self._client = client
        self._action = action
        self.session = action.session
        self._race = Race(context.clock, addresses, self._dial, _UpstreamLeg, self._connected, self._unreachable)
        self._upstream: _UpstreamLeg | None = None
        looks = inside in _LOOKED_AT or (inside is Inside.ANYTHING and context.settings.sni_verification)
        self._hello: FirstBytes | None = FirstBytes() if looks else None
        self._must_be_ssh = inside is Inside.SSH
        self._may_rest = inside is Inside.UNSEEN
        self._early: list[bytes] = []
        self._hello_by = float("inf")
        self._began = self._last = context.clock.seconds()
        self._blocked_since: float | None = None
        self._sent = self._received = 0
        self._client_done = self._upstream_done = False
        self._client_gone = self._upstream_gone = False
        self._close_by: float | None = None
        self._over = False

    # -- opening ---------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Dial the judged addresses."""
        self._context.tunnels[self] = None
        self._race.start()

    def _dial(self, address: str, factory: Factory, timeout: float) -> Connector:
        return self._context.dial_tunnel(address, self._action.port, factory, timeout)

    def _unreachable(self, why: str, *, timed_out: bool, tls: bool) -> None:
        self._over = True
        self._context.tunnels.pop(self, None)
        self._context.door.failed(self._action, f"tunnel dial failed: {why}")
        status = 504 if timed_out else 502
        self._client.not_reached(status, f"tunnel dial failed: {why}")

    def _connected(self, upstream: Protocol) -> None:
        """An address answered: the tunnel is open."""
        if not isinstance(upstream, _UpstreamLeg):
            return
        self._upstream = upstream
        upstream.serve(self)
        self._began = self._last = self._context.clock.seconds()
        self._context.watched[self] = None
        self._context.door.stats.tunnel_opened()
        if self._client.transport is not None:
            self._client.transport.bufferSize = _READ_SIZE
        early = self._client.take_over(self)
        self._client.say_open()
        if early:
            self.from_client(early)

    # -- carrying --------------------------------------------------------------------------------------------------

    def from_client(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._over or self._is_killed() or self._is_stopped(len(data)):
            return
        self._last = self._context.clock.seconds()
        if self._hello is not None:
            self._read_hello(data)
        elif self._early:
            # The handshake is being judged: nothing overtakes it, and no more is read.
            self._early.append(data)
            if self._client.transport is not None:
                self._client.transport.pauseProducing()
        elif self._upstream is not None and self._upstream.transport is not None:
            self._sent += len(data)
            self._upstream.transport.write(data)

    def from_upstream(self, data: bytes) -> None:
        """Bytes from the upstream."""
        if self._over or self._is_killed() or self._is_stopped(len(data)):
            return
        self._last = self._context.clock.seconds()
        self._received += len(data)
        if self._client.transport is not None:
            self._client.transport.write(data)

    def _read_hello(self, data: bytes) -> None:
        if self._hello is None:
            return
        self._early.append(data)
        self._hello_by = min(self._hello_by, self._last + HELLO_SECONDS)
        seen = self._hello.feed(data)
        if seen is None:
            return
        self._hello = None
        self._hello_by = float("inf")
        if self._must_be_ssh and not b"".join(self._early).startswith(_SSH):
            self._judge_hello("", _NOT_SSH)
        elif isinstance(seen, Hello):
            self._judge_hello(seen.server_name or "", None)
        elif isinstance(seen, Malformed):
            self._judge_hello("", Fault(BlockReason.BAD_REQUEST, f"the TLS handshake is malformed: {seen.why}"))
        elif isinstance(seen, PlainHttp):
            self._judge_hello("", _PLAIN_HTTP)
        else:
            self._send_early()

    def _judge_hello(self, server_name: str, fault: Fault | None) -> None:
        action = msgspec.structs.replace(
            self._action, kind=Kind.CLIENT_HELLO, server_name=server_name, fault=fault, headers=()
        )
        self._context.door.judge(action, self._hello_judged)

    def _hello_judged(self, decision: Decision) -> None:
        if decision.verdict is Verdict.BLOCK:
            self.end(decision.reason, abort=True)
        else:
            self._send_early()

    def _send_early(self) -> None:
        early, self._early = b"".join(self._early), []
        self._sent += len(early)
        if not self._over and self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.write(early)
            if self._client_done:
                self._upstream.transport.loseWriteConnection()
            elif self._blocked_since is None and self._client.transport is not None:
                self._client.transport.resumeProducing()

    # -- back-pressure ---------------------------------------------------------------------------------------------

    def client_blocked(self) -> None:
        """The client takes no more: do not read the upstream."""
        self._blocked_since = self._context.clock.seconds()
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.pauseProducing()

    def client_ready(self) -> None:
        """The client takes more."""
        self._blocked_since = None
        if self._upstream is not None and self._upstream.transport is not None and not self._upstream_done:
            self._upstream.transport.resumeProducing()

    def upstream_blocked(self) -> None:
        """The upstream takes no more: do not read the client."""
        self._blocked_since = self._context.clock.seconds()
        if self._client.transport is not None:
            self._client.transport.pauseProducing()

    def upstream_ready(self) -> None:
        """The upstream takes more."""
        self._blocked_since = None
        if self._client.transport is not None and not self._client_done:
            self._client.transport.resumeProducing()

    def client_stuck(self) -> None:
        """The client takes nothing any more."""
        self.end("the client does not take what is sent", abort=True)

    # -- ending ----------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """The earliest moment at which something is late."""
        if self._close_by is not None:
            return self._close_by
        settings = self._context.settings
        if self._may_rest:
            # Programs keep connections to their databases for hours. These end with the sandbox.
            return float("inf") if self._blocked_since is None else self._blocked_since + WRITE_SECONDS
        late = min(self._began + settings.max_tunnel_seconds, self._last + settings.tunnel_idle_seconds, self._hello_by)
        return late if self._blocked_since is None else min(late, self._blocked_since + WRITE_SECONDS)

    def expired(self) -> None:
        """Something is late."""
        now, settings = self._context.clock.seconds(), self._context.settings
        if self._over:
            self._abort()
        elif self._blocked_since is not None and self._blocked_since + WRITE_SECONDS <= now:
            self.end(f"what is sent was not taken for {WRITE_SECONDS:.0f} s", abort=True)
        elif self._hello_by <= now:
            self.end("the TLS handshake did not arrive in time")
        elif self._began + settings.max_tunnel_seconds <= now:
            self.end(f"open for {settings.max_tunnel_seconds:.0f} s: forward_proxy.max_tunnel_seconds")
        else:
            self.end(f"silent for {settings.tunnel_idle_seconds:.0f} s: forward_proxy.idle_timeout_seconds")

    def client_finished(self) -> None:
        """The client sends no more; it may still read."""
        self._client_done = True
        if self._hello is not None or self._upstream_done:
            self.end("")
        elif not self._early and self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.loseWriteConnection()

    def upstream_finished(self) -> None:
        """The upstream sends no more; it may still read."""
        self._upstream_done = True
        if self._client_done:
            self.end("")
        elif self._client.transport is not None:
            self._client.transport.loseWriteConnection()

    def client_lost(self) -> None:
        """The client's connection is gone."""
        self._client_gone = True
        self.end("")
        self._unwatch_closed()

    def upstream_lost(self) -> None:
        """The upstream's connection is gone."""
        self._upstream_gone = True
        self.end("")
        self._unwatch_closed()

    def drain(self) -> None:
        """Nobody knows where a good end would be: the tunnel goes on for as long as the daemon does."""

    def cut(self, why: str) -> None:
        """End at once; `why` is recorded."""
        self.end(why, abort=True)

    def check_kill_switch(self) -> None:
        """Called when the switch moved: a silent tunnel has no reads to be stopped at."""
        self._is_killed()

    def _is_killed(self) -> bool:
        if not self._context.door.engine.kill.applies_to(self._action.client, self._action.session):
            return False
        action = msgspec.structs.replace(
            self._action, kind=Kind.TUNNEL_DATA, direction=Direction.OUTBOUND, headers=(), fault=None
        )
        self._context.door.judge(action, lambda decision: self.end(decision.reason, abort=True))
        return True

    def _is_stopped(self, size: int) -> bool:
        """Whether its session may not have `size` bytes more, nor this tunnel."""
        why = self._context.door.carried(self._action, size)
        if why:
            self.end(why, abort=True)
        return bool(why)

    def end(self, reason: str, *, abort: bool = False) -> None:
        """Close both sides, once; `abort` drops what is still to be written."""
        if self._over:
            return
        self._over = True
        self._context.tunnels.pop(self, None)
        self._early = []
        upstream = self._upstream
        if upstream is None:
            self._race.cancel()
            self._client.abort()
            return
        # Both sides may take what is written still, but not for ever: `expired` aborts them.
        self._close_by = self._context.clock.seconds() + WRITE_SECONDS
        for transport in (upstream.transport, self._client.transport):
            if transport is not None:
                transport.unregisterProducer()
                if not abort:
                    transport.loseConnection()
        if abort:
            self._abort()
        self._context.door.tunnel_closed(
            TunnelClosed(
                action_id=self._action.id,
                target=f"{self._action.host}:{self._action.port}",
                sent=self._sent,
                received=self._received,
                duration_ms=int((self._context.clock.seconds() - self._began) * 1000),
                reason=reason,
            )
        )

    def _abort(self) -> None:
        self._context.watched.pop(self, None)
        self._client.abort()
        if self._upstream is not None and self._upstream.transport is not None:
            self._upstream.transport.abortConnection()

    def _unwatch_closed(self) -> None:
        if self._client_gone and self._upstream_gone:
            self._context.watched.pop(self, None)
