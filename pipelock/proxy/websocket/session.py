"""An open WebSocket: the two connections, the door, and time, around a `Relay`."""

from __future__ import annotations

from typing import Protocol as Shape

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.edges import Wire
from pipelock.model import Action, BlockReason, Decision, Fault, TunnelClosed
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.fastwrite import write_now
from pipelock.proxy.limits import LINGER_SECONDS, WRITE_SECONDS
from pipelock.proxy.websocket.close import GOING_AWAY, POLICY, TOO_BIG, TRY_LATER, Close, blocked
from pipelock.proxy.websocket.compression import Deflate
from pipelock.proxy.websocket.endpoint import Message
from pipelock.proxy.websocket.judging import Judging
from pipelock.proxy.websocket.lane import Side, Violation
from pipelock.proxy.websocket.relay import Relay

__all__ = ["CLOSE_SECONDS", "WebSocketSession"]

CLOSE_SECONDS = 10.0
"""From the first Close to the end of both connections."""

_NEVER = float("inf")
_KILLED = Close(POLICY, "kill switch active")
_TIMEOUT = Close(GOING_AWAY, "connection timeout")
_STOPPING = Close(GOING_AWAY, "the proxy stops")
_BUSY = Close(TRY_LATER, "too many messages are in memory")
_AWAY = Close(GOING_AWAY)
_STEP = 64 * 1024
"""Memory is reserved in steps of so many bytes: most messages are smaller and cost nothing."""


class Near(Shape):
    """The client's connection."""

    transport: Wire | None

    def abort(self) -> None:
        """Close at once."""


@implementer(IPushProducer)
class _UpstreamLeg(Protocol):
    """The upstream's connection."""

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, session: WebSocketSession) -> None:
        self._session = session

    def connectionMade(self) -> None:
        if self.transport is not None:
            self.transport.registerProducer(self, streaming=True)

    def dataReceived(self, data: bytes) -> None:
        self._session.from_upstream(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.transport = None
        self._session.upstream_lost()

    def pauseProducing(self) -> None:
        self._session.upstream_blocked()

    def resumeProducing(self) -> None:
        self._session.upstream_ready()

    def stopProducing(self) -> None:
        pass


class WebSocketSession:
    """Carries one WebSocket until both of its connections have ended.

    Args:
        context: The shared parts.
        client: The client's connection, of which this becomes the receiver.
        action: The opening request; messages are judged as parts of it.
        near: What was agreed on with the client about compression.
        far: Likewise with the upstream.
    """

    def __init__(
        self,
        context: ProxyContext,
        client: Near,
        action: Action,
        near: Deflate | None,
        far: Deflate | None,
    ) -> None:
        settings = context.settings.websocket
        self.leg = _UpstreamLeg(self)
        self._context = context
        self._client = client
        self._action = action
        self.session = action.session
        self._settings = settings
        self._is_over = False
        self._relay = Relay(
            self, max_message=settings.max_message, allow_binary=settings.allow_binary, client=near, upstream=far
        )
        self._judging = Judging(context.door, action, self)
        self._began = self._last = context.clock.seconds()
        self._received = dict.fromkeys(Side, 0)
        self._gone: set[Side] = set()
        self._blocked_since = _NEVER
        self._close_by = _NEVER
        self._reason = ""
        self._reserved = 0

    def start(self, early_client: bytes, early_upstream: bytes) -> None:
        """Both handshakes are done; these bytes came behind them."""
        self._context.door.stats.websocket_opened()
        self._context.watched[self] = None
        self._context.tunnels[self] = None
        if early_client:
            self.from_client(early_client)
        if early_upstream:
            self.from_upstream(early_upstream)

    # -- bytes -----------------------------------------------------------------------------------------------------

    def from_client(self, data: bytes) -> None:
        """Bytes from the client."""
        self._received_from(Side.CLIENT, data)

    def from_upstream(self, data: bytes) -> None:
        """Bytes from the upstream."""
        self._received_from(Side.UPSTREAM, data)

    def _received_from(self, side: Side, data: bytes) -> None:
        self._last = self._context.clock.seconds()
        self._received[side] += len(data)
        self._relay.receive(side, data)
        self._look_after()
        self._reserve(side)

    def _reserve(self, side: Side) -> None:
        """Take of the memory for bodies what messages hold by now, or give it back; close where there is none."""
        wanted = 0 if self._is_over else self._relay.held // _STEP * _STEP
        budget, more = self._context.budget, wanted - self._reserved
        if more > 0 and not budget.take(more):
            self.violated(side, Violation(_BUSY))
            return
        if more < 0:
            budget.give(-more)
        self._reserved = wanted

    def _wire(self, side: Side) -> Wire | None:
        return self._client.transport if side is Side.CLIENT else self.leg.transport

    def send(self, side: Side, data: bytes) -> None:
        """Write."""
        wire = self._wire(side)
        if wire is not None:
            write_now(wire, data)

    def hold(self, side: Side) -> None:
        """Read no more of `side`."""
        wire = self._wire(side)
        if wire is not None:
            wire.pauseProducing()

    def more(self, side: Side) -> None:
        """Read `side` again."""
        wire = self._wire(side)
        if wire is not None:
            wire.resumeProducing()

    def later(self, side: Side, seconds: float) -> None:
        """Let others have their turn."""
        if seconds:
            self._context.clock.callLater(seconds, self._go_on, side)
        else:
            self._context.turns.ask(lambda: self._go_on(side))

    def _go_on(self, side: Side) -> None:
        if not self._is_over:
            self._relay.go_on(side)
            self._look_after()
            self._reserve(side)

    def client_blocked(self) -> None:
        """The client takes no more."""
        self._relay.blocked(Side.CLIENT)

    def client_ready(self) -> None:
        """The client takes more."""
        self._relay.ready(Side.CLIENT)

    def upstream_blocked(self) -> None:
        """The upstream takes no more."""
        self._blocked_since = self._context.clock.seconds()
        self._relay.blocked(Side.UPSTREAM)

    def upstream_ready(self) -> None:
        """The upstream takes more."""
        self._blocked_since = _NEVER
        self._relay.ready(Side.UPSTREAM)

    # -- judging ---------------------------------------------------------------------------------------------------

    def judge(self, side: Side, message: Message) -> None:
        """Have a message judged."""
        self._judging.judge(side, message)

    def judges_together(self, side: Side) -> bool:
        """Whether several messages of `side` may have one verdict."""
        return self._judging.judges_together(side)

    def judge_together(self, side: Side, messages: tuple[Message, ...]) -> None:
        """Have several plain texts judged."""
        self._judging.judge_together(side, messages)

    def passes(self, side: Side, instead: bytes | None) -> None:
        """A message passes."""
        self._relay.passed(side, instead)
        self._judged(side)

    def drops(self, side: Side) -> None:
        """A message does not pass."""
        self._relay.dropped(side)
        self._judged(side)

    def _judged(self, side: Side) -> None:
        self._last = self._context.clock.seconds()
        self._look_after()
        if self._reserved:
            self._reserve(side)

    def refuses(self, side: Side, decision: Decision) -> None:
        """A message was refused: that is the end."""
        self._reason = decision.reason
        if decision.code is BlockReason.KILL_SWITCH_ACTIVE:
            self._end(_KILLED, _AWAY)
        else:
            self._end(blocked(decision), _AWAY if side is Side.CLIENT else Close(POLICY))

    def violated(self, side: Side, violation: Violation) -> None:
        """Have it on record that `side` broke a rule, and close."""
        close = violation.close
        who = "the client" if side is Side.CLIENT else "the upstream"

        def judged(decision: Decision) -> None:
            self._reason = decision.reason
            killed = decision.code is BlockReason.KILL_SWITCH_ACTIVE
            self._end(_KILLED if killed else close, close)

        self._judging.ask_about(side, _fault(who, close), judged)

    # -- ending ----------------------------------------------------------------------------------------------------

    def check_kill_switch(self) -> None:
        """Called when the switch moved: a silent WebSocket asks nobody."""
        kill, action = self._context.door.engine.kill, self._action
        if self._close_by == _NEVER and kill.applies_to(action.client, action.session):
            self._judging.give_up()
            self._judging.ask_about(Side.CLIENT, None, lambda decision: self.refuses(Side.CLIENT, decision))

    def cut(self, why: str) -> None:
        """End at once; `why` is recorded."""
        self._reason = why
        self._abort()

    def drain(self) -> None:
        """The daemon stops: a WebSocket has no end of its own to be waited for."""
        if self._close_by == _NEVER:
            self._reason = "the daemon stops"
            self._end(_STOPPING, _STOPPING)

    def _end(self, client: Close, upstream: Close) -> None:
        self._judging.give_up()
        self._relay.end(client, upstream)
        self._look_after()

    def finished(self, side: Side) -> None:
        """Half-close: a reset would take the Close away from a peer that still sends."""
        wire = self._wire(side)
        if wire is not None:
            wire.unregisterProducer()
            wire.loseWriteConnection()
            wire.resumeProducing()

    def client_finished(self) -> None:
        """The client sends no more."""
        self._lost(Side.CLIENT)
        if self._relay.is_finished(Side.CLIENT) and self._client.transport is not None:
            self._client.transport.loseConnection()

    def client_lost(self) -> None:
        """The client's connection is gone."""
        self._gone.add(Side.CLIENT)
        if self._judging.is_held(Side.CLIENT):
            # Nobody is to be asked for somebody who has left.
            self._end(_AWAY, _AWAY)
        self._lost(Side.CLIENT)

    def upstream_lost(self) -> None:
        """The upstream's connection is gone."""
        self._gone.add(Side.UPSTREAM)
        self._lost(Side.UPSTREAM)

    def _lost(self, side: Side) -> None:
        if not self._is_over:
            self._relay.lost(side)
            self._look_after()

    def client_stuck(self) -> None:
        """The client takes nothing any more."""
        self._reason = self._reason or "the client does not take what is sent"
        self._abort()

    def _look_after(self) -> None:
        """Set the time limit of closing once it has begun; forget everything once it is over."""
        if self._is_over:
            return
        if len(self._gone) == len(Side):
            self._over()
        elif all(self._relay.is_finished(side) for side in Side):
            self._close_by = min(self._close_by, self._context.clock.seconds() + LINGER_SECONDS)
        elif self._close_by == _NEVER and self._relay.is_closing:
            self._close_by = self._context.clock.seconds() + CLOSE_SECONDS

    @property
    def deadline(self) -> float:
        """The earliest moment at which something is late."""
        if self._close_by != _NEVER:
            return self._close_by
        late = min(self._began + self._settings.max_seconds, self._blocked_since + WRITE_SECONDS)
        # A message that a person is asked about is no silence.
        return late if self._judging.is_asking else min(late, self._last + self._settings.idle_seconds)

    def expired(self) -> None:
        """Something is late."""
        now = self._context.clock.seconds()
        if self._close_by <= now:
            self._abort()
        elif self._blocked_since + WRITE_SECONDS <= now:
            self._reason = f"what is sent was not taken for {WRITE_SECONDS:.0f} s"
            self._abort()
        else:
            old = self._began + self._settings.max_seconds <= now
            name, seconds = (
                ("max_connection", self._settings.max_seconds)
                if old
                else (
                    "idle_timeout",
                    self._settings.idle_seconds,
                )
            )
            self._reason = f"{'open' if old else 'silent'} for {seconds:.0f} s: websocket_proxy.{name}_seconds"
            self._end(_TIMEOUT, _TIMEOUT)

    def _abort(self) -> None:
        self._judging.give_up()
        if self.leg.transport is not None:
            self.leg.transport.abortConnection()
        self._client.abort()
        self._over()

    def _over(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._judging.close()
        self._context.watched.pop(self, None)
        self._context.tunnels.pop(self, None)
        self._reserve(Side.CLIENT)
        action = self._action
        self._context.door.websocket_closed(
            TunnelClosed(
                action_id=action.id,
                target=f"{action.host}:{action.port}",
                sent=self._received[Side.CLIENT],
                received=self._received[Side.UPSTREAM],
                duration_ms=int((self._context.clock.seconds() - self._began) * 1000),
                reason=self._reason,
                texts=self._relay.texts,
                binaries=self._relay.binaries,
            )
        )


def _fault(who: str, close: Close) -> Fault:
    if close.code == TOO_BIG:
        detail = f"{who} sent a message that is larger than is scanned; raise websocket_proxy.max_message_bytes"
        return Fault(BlockReason.RESPONSE_SIZE, detail)
    if close.code == TRY_LATER:
        detail = "too many messages are in memory at this moment; try again"
        return Fault(BlockReason.PATTERN_UNAVAILABLE, detail, 503)
    if close.code == POLICY:
        detail = f"{who} sent binary data: websocket_proxy.allow_binary_frames is off"
        return Fault(BlockReason.NOT_ENABLED, detail)
    return Fault(BlockReason.BAD_REQUEST, f"{who} broke a rule of the WebSocket protocol: {close.reason}")
