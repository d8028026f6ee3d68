"""A CONNECT tunnel that is opened: what the client sends in it is read as requests, one by one.

    CONNECT ─▶ 200 ─▶ first bytes ─┬─ TLS ─▶ ClientHello judged ─▶ handshake with our certificate ─▶ requests
                                   ├─ HTTP in the clear ─▶ requests
                                   └─ anything else: refused, for nobody could read it

Nothing is dialled for the tunnel itself: each request is judged and goes to an address that was judged for it. Hosts
in `tls_interception.passthrough_domains` get an ordinary tunnel instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape

import msgspec

from pipelock.door.edges import Wire
from pipelock.model import Action, BlockReason, Decision, Fault, Identity, Kind, Transport, Verdict
from pipelock.proxy.client import ProxyConnection
from pipelock.proxy.client_hello import Hello, Malformed
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.first_bytes import First, FirstBytes, PlainHttp
from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import RemoteProtocolError, RequestHead
from pipelock.proxy.limits import HELLO_SECONDS
from pipelock.proxy.serving import Receiver
from pipelock.proxy.target import bound_target, is_bound_to, parse_target
from pipelock.proxy.tls_server import TlsFailure, start_tls
from pipelock.proxy.whose import Whose
from pipelock.tls.authority import Authority, AuthorityError

__all__ = ["ACCESS_DENIED", "MISMATCH", "UNREADABLE", "InterceptedConnection", "Opening"]

ACCESS_DENIED = b"\x15\x03\x03\x00\x02\x02\x31"
"""A fatal alert of TLS (RFC 8446 §6.2) instead of a ServerHello: the client sees that it was refused."""
MISMATCH = Fault(
    BlockReason.AUTHORITY_MISMATCH,
    "the request names another host than the tunnel was opened to",
    403,
)
UNREADABLE = Fault(
    BlockReason.NOT_ENABLED,
    "what is sent in this tunnel is neither TLS nor HTTP, so nobody can read it; if that is meant to be, list the host "
    "and its port in forward_proxy.raw_tcp",
    layer="tls_intercept",
)


class Tunnelled(Shape):
    """The client's connection, as the tunnel in it sees it."""

    transport: Wire | None
    whose: Whose

    def take_over(self, receiver: Receiver) -> bytes:
        """From now on it is `receiver` who gets what the client sends; returns what came already."""

    def say_open(self) -> None:
        """Tell the client that the tunnel is open, where it waits to be told."""

    def release(self) -> Wire | None:
        """Let go of the transport for good."""

    def lose(self) -> None:
        """Close after what was written is sent."""

    def abort(self) -> None:
        """Close at once."""


class Opening:
    """Reads a tunnel's first bytes and puts the protocol on it that can read the rest."""

    def __init__(self, context: ProxyContext, client: Tunnelled, action: Action, authority: Authority) -> None:
        self._context = context
        self._client = client
        self._action = action
        self.session = action.session
        self._authority = authority
        self._first: FirstBytes | None = FirstBytes()
        self._early: list[bytes] = []
        self.deadline = context.clock.seconds() + context.settings.tunnel_idle_seconds

    def start(self) -> None:
        """Tell the client that the tunnel is open, and read."""
        self._context.watched[self] = None
        self._context.tunnels[self] = None
        early = self._client.take_over(self)
        self._client.say_open()
        if early:
            self.from_client(early)

    def from_client(self, data: bytes) -> None:
        """Bytes from the client."""
        self._early.append(data)
        if self._first is None:
            return
        if len(self._early) == 1:
            self.deadline = self._context.clock.seconds() + HELLO_SECONDS
        seen = self._first.feed(data)
        if seen is None:
            return
        self._first = None
        if self._client.transport is not None:
            self._client.transport.pauseProducing()
        name, fault = "", None
        if isinstance(seen, Hello):
            name = seen.server_name or ""
        elif isinstance(seen, Malformed):
            fault = Fault(BlockReason.BAD_REQUEST, f"the TLS handshake is malformed: {seen.why}")
        elif not isinstance(seen, PlainHttp):
            fault = UNREADABLE
        self.deadline = float("inf")
        action = msgspec.structs.replace(
            self._action, kind=Kind.CLIENT_HELLO, server_name=name, fault=fault, headers=()
        )
        self._context.door.judge(action, lambda decision: self._judged(seen, decision))

    def _judged(self, seen: First, decision: Decision) -> None:
        if self not in self._context.watched:
            return  # the client has left
        if decision.verdict is Verdict.BLOCK:
            self._refuse(seen)
        elif isinstance(seen, Hello):
            self._speak_tls()
        else:
            self._speak_plainly()

    def _refuse(self, seen: First) -> None:
        self._forget()
        if isinstance(seen, Hello | Malformed) and self._client.transport is not None:
            self._client.transport.write(ACCESS_DENIED)
            self._client.lose()
        else:
            self._client.abort()

    def _speak_tls(self) -> None:
        context, action = self._context, self._action
        try:
            tls = self._authority.context_for(action.host)
        except AuthorityError as error:
            self._forget()
            context.door.failed(action, str(error))
            self._client.abort()
            return
        inner = InterceptedConnection(context, self._client.whose, action, "https", self._opened)
        wire = self._client.release()
        context.watched.pop(self, None)  # the handshake has a limit of its own
        if wire is None:
            self._forget()
            return
        agent = next((value for name, value in action.headers if name == "user-agent"), "")
        early, self._early = b"".join(self._early), []
        start_tls(wire, tls, early, inner, self._failed, agent, context.clock)
        wire.resumeProducing()

    def _speak_plainly(self) -> None:
        inner = InterceptedConnection(self._context, self._client.whose, self._action, "http", self._opened)
        wire = self._client.release()
        if wire is None:
            self._forget()
            return
        early, self._early = b"".join(self._early), []
        wire.protocol = inner  # type: ignore[attr-defined]  # as Twisted's own startTLS does
        inner.makeConnection(wire)  # type: ignore[no-untyped-call]
        inner.dataReceived(early)
        wire.resumeProducing()

    def _opened(self) -> None:
        self._forget()
        self._context.door.stats.intercepted()

    def _failed(self, failure: TlsFailure) -> None:
        self._forget()
        self._context.door.stats.handshake_failed()
        why = f"{failure.why}; {failure.hint}" if failure.hint else failure.why
        self._context.door.failed(self._action, why)

    def _forget(self) -> None:
        self._context.watched.pop(self, None)
        self._context.tunnels.pop(self, None)

    def client_finished(self) -> None:
        """It left before it said anything."""
        self.expired()

    def client_lost(self) -> None:
        """Likewise."""
        self._forget()

    def client_blocked(self) -> None:
        """It has been told one line."""

    def client_ready(self) -> None:
        """Likewise."""

    def client_stuck(self) -> None:
        """It does not even take that line."""
        self.expired()

    def expired(self) -> None:
        """It opened a tunnel and says nothing."""
        self._forget()
        self._client.abort()

    def check_kill_switch(self) -> None:
        """Nothing has passed; what comes will be judged."""

    def drain(self) -> None:
        """Nothing has begun that could be finished."""
        self.expired()

    def cut(self, why: str) -> None:
        """Likewise."""
        self.expired()


class InterceptedConnection(ProxyConnection):
    """Serves the requests inside one tunnel. All of them are for the host that the tunnel was opened to."""

    carries = Transport.INTERCEPT

    def __init__(
        self, context: ProxyContext, whose: Whose, connect: Action, scheme: str, opened: Callable[[], None]
    ) -> None:
        super().__init__(context, connect.client, caller=whose.caller)
        self._claimed = next((value for name, value in connect.headers if name == "x-pipelock-agent"), "")
        self._tell_opened = opened
        self._connect = connect
        self._scheme = scheme

    def opened(self) -> None:
        """The client speaks HTTP here."""
        super().opened()
        self._tell_opened()

    def request_head(self, head: RequestHead) -> None:
        """Send the request to the tunnel's host."""
        try:
            named = parse_target(head, self._scheme)
        except RemoteProtocolError as error:
            self.malformed(error)
            return
        connect = self._connect
        self.target = target = bound_target(named, self._scheme, connect.host, connect.port)
        if not is_bound_to(named, self._scheme, connect.host, connect.port):
            self.refuse_fault(MISMATCH)
        else:
            self.carry(Destination(head, target))

    def identity(self, claimed: str, query: str = "") -> Identity:
        """What the CONNECT said holds where a request says nothing."""
        return super().identity(claimed or self._claimed, query)
