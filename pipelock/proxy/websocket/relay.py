"""The two sides of a WebSocket, and what passes between them. No sockets, no clock, no policy.

    client ──▶ endpoint ──▶ lane: judged one by one, in order ──▶ endpoint ──▶ upstream
    client ◀── endpoint ◀── lane: judged one by one, in order ◀── endpoint ◀── upstream

A lane keeps its order: a message waits for the one before it, and so do a Close (RFC 6455 §5.5.1), a broken rule and
the end of the connection. Pings wait for nothing: they are answered at once, by us, because their payload would cross
unread; the other side gets an empty one in their place, so that what keeps one connection open keeps the other open.

How a side ends:

    open ──▶ received its Close ──▶ sent ours ──▶ finished      the peer began
    open ──▶ sent our Close ──▶ received its one ──▶ finished   the other side, or we, began
    open ──▶ broke a rule, or is gone ──▶ finished
"""

from __future__ import annotations

from typing import Protocol as Shape

from pipelock.proxy.websocket.close import BINARY_REFUSED, GOING_AWAY, Close, clipped
from pipelock.proxy.websocket.compression import Deflate
from pipelock.proxy.websocket.endpoint import Broken, Busy, Closed, Endpoint, Message, Ping, Pong
from pipelock.proxy.websocket.lane import Gone, Item, Lane, Side, Violation, is_short

__all__ = [
    "FEWEST_TOGETHER",
    "IDLE_PAUSE",
    "MESSAGES_AT_ONCE",
    "PINGS_AT_ONCE",
    "Outlet",
    "Relay",
]

MESSAGES_AT_ONCE = 64
"""Messages of one side that are taken before others have their turn."""
PINGS_AT_ONCE = 128
IDLE_PAUSE = 0.05
"""Seconds for which a side is not read that sent so many pings, or messages or fragments with next to nothing in them:
so much of our time it may have and no more."""
_TINY = 8
"""Bytes in a message, on average, that are next to nothing."""
FEWEST_TOGETHER = 16
"""So many short plain texts that are there at the same time are judged together."""


class Outlet(Shape):
    """Who has the sockets and asks the door."""

    def send(self, side: Side, data: bytes) -> None:
        """Write to `side`."""

    def judge(self, side: Side, message: Message) -> None:
        """Have judged what `side` sent; `Relay.passed` or `Relay.end` is the answer, at once or later."""

    def judges_together(self, side: Side) -> bool:
        """Whether several messages of `side` may have one verdict."""

    def judge_together(self, side: Side, messages: tuple[Message, ...]) -> None:
        """Have several plain texts judged, which all pass as they are or all do not; likewise."""

    def violated(self, side: Side, violation: Violation) -> None:
        """`side` broke a rule; `Relay.end` is the answer."""

    def hold(self, side: Side) -> None:
        """Read no more of `side`."""

    def more(self, side: Side) -> None:
        """Read `side` again."""

    def later(self, side: Side, seconds: float) -> None:
        """Call `Relay.go_on` when others had their turn, and not before `seconds` have passed."""

    def finished(self, side: Side) -> None:
        """Nothing more is sent to `side`, and nothing is expected of it: close its connection."""


class Relay:
    """Carries messages both ways.

    Args:
        outlet: Takes the bytes and the questions.
        max_message: Bytes that a message may have, decompressed.
        allow_binary: Whether binary messages are judged, or are against the rules.
        client: What was agreed on with the client about compression.
        upstream: Likewise with the upstream.

    Memory, each way: a message in the making, the one being judged, and `MAX_QUEUED` bytes of others.
    """

    def __init__(
        self,
        outlet: Outlet,
        *,
        max_message: int,
        allow_binary: bool = False,
        client: Deflate | None = None,
        upstream: Deflate | None = None,
    ) -> None:
        self.texts = self.binaries = 0
        self._outlet = outlet
        self._allow_binary = allow_binary
        self._lanes = {
            Side.CLIENT: Lane(Endpoint(is_client=False, max_message=max_message, deflate=client)),
            Side.UPSTREAM: Lane(Endpoint(is_client=True, max_message=max_message, deflate=upstream)),
        }
        self._is_over = False

    @property
    def is_closing(self) -> bool:
        """Whether one side has closed or is to close, so that the rest must follow within a moment."""
        return any(lane.received or lane.sent or lane.is_finished for lane in self._lanes.values())

    @property
    def held(self) -> int:
        """Bytes of messages in memory: in the making, waiting, and being judged."""
        return sum(lane.size + lane.endpoint.held for lane in self._lanes.values())

    def is_finished(self, side: Side) -> bool:
        """Whether `side` was told of as finished."""
        return self._lanes[side].is_finished

    # -- what comes in ---------------------------------------------------------------------------------------------

    def receive(self, side: Side, data: bytes) -> None:
        """Bytes of `side`."""
        self._lanes[side].endpoint.feed(data)
        self._read(side)

    def go_on(self, side: Side) -> None:
        """Read on what `side` had sent, as was asked for with `Outlet.later`."""
        self._lanes[side].is_busy = False
        self._read(side)

    def lost(self, side: Side) -> None:
        """`side` sends nothing more, and takes nothing."""
        lane = self._lanes[side]
        lane.is_lost = True
        self._read(side)

    def blocked(self, side: Side) -> None:
        """`side` does not take what is written."""
        self._lanes[side].is_blocked = True
        self._regulate(side.other)

    def ready(self, side: Side) -> None:
        """`side` takes more."""
        lane = self._lanes[side]
        lane.is_blocked = False
        pinged, lane.pinged = lane.pinged, None
        if pinged is not None:
            self._answer(side, pinged)
        self._regulate(side.other)

    def _read(self, side: Side) -> None:
        lane = self._lanes[side]
        # What is judged at once pumps its lane, which reads on: a loop, or the stack would grow with the queue.
        if lane.is_reading:
            return
        lane.is_reading = True
        try:
            # A lane that was full may have been emptied at once, and there may be more to be taken.
            while self._take(side, lane):
                self._pump(side)
        finally:
            lane.is_reading = False
        self._regulate(side)

    def _take(self, side: Side, lane: Lane) -> bool:
        """Take what has come, as far as there is room; whether there was anything."""
        messages = pings = size = 0
        # Whether it is full is asked before each: a few compressed bytes may be many messages.
        while not lane.is_busy and not lane.is_full and not lane.is_finished:
            happening = lane.endpoint.poll()
            if happening is None:
                return self._ran_dry(side, lane) or messages > 0
            self._happened(side, lane, happening)
            pings += isinstance(happening, Ping | Pong)
            messages += not isinstance(happening, Ping | Pong)
            size += len(happening.data) if isinstance(happening, Message) else 0
            if isinstance(happening, Busy) or messages >= MESSAGES_AT_ONCE or pings >= PINGS_AT_ONCE:
                is_idle = (
                    happening.is_idle
                    if isinstance(happening, Busy)
                    else pings >= PINGS_AT_ONCE or size < messages * _TINY
                )
                lane.is_busy = True
                self._outlet.later(side, IDLE_PAUSE if is_idle else 0.0)
        return messages > 0

    def _ran_dry(self, side: Side, lane: Lane) -> bool:
        """All that has come was taken; whether its end was put behind it."""
        if not lane.is_lost or lane.is_gone:
            return False
        lane.is_gone = True
        if self._is_over:
            self._finish(side)
            return False
        lane.push(Gone())
        return True

    def _happened(self, side: Side, lane: Lane, happening: Message | Ping | Pong | Closed | Broken | Busy) -> None:
        match happening:
            case Busy():
                pass
            case Closed() | Broken() if self._is_over:
                self._finish(side)
            case _ if self._is_over:
                pass  # nothing but its Close is waited for
            case Ping():
                self._pinged(side, lane, happening)
            case Pong():
                self._ponged(side, lane)
            case Broken():
                lane.is_silent = True
                lane.push(Violation(happening.close))
            case Message() if happening.is_binary and not self._allow_binary:
                lane.push(Violation(BINARY_REFUSED))
            case _:
                lane.is_silent = isinstance(happening, Closed)
                lane.push(happening)

    # -- pings -----------------------------------------------------------------------------------------------------

    def _pinged(self, side: Side, lane: Lane, ping: Ping) -> None:
        if lane.is_blocked:
            # Only the last of several pings needs an answer (RFC 6455 §5.5.3), so they can't pile up here.
            lane.pinged = ping
            return
        self._answer(side, ping)
        other = self._lanes[side.other]
        if not other.is_blocked and not other.sent and not other.received:
            other.pongs_due += 1
            self._outlet.send(side.other, other.endpoint.ping())

    def _answer(self, side: Side, ping: Ping) -> None:
        lane = self._lanes[side]
        if not lane.sent:
            self._outlet.send(side, lane.endpoint.pong(ping.payload))

    def _ponged(self, side: Side, lane: Lane) -> None:
        if lane.pongs_due:
            lane.pongs_due -= 1
            return
        other = self._lanes[side.other]
        if not other.is_blocked and not other.sent and not other.received:
            self._outlet.send(side.other, other.endpoint.pong())

    # -- judging, in order -----------------------------------------------------------------------------------------

    def _pump(self, side: Side) -> None:
        lane = self._lanes[side]
        if lane.is_pumping:
            return
        lane.is_pumping = True
        try:
            while lane.queue and not lane.judging:
                self._next(side, lane, lane.queue.popleft())
        finally:
            lane.is_pumping = False

    def _next(self, side: Side, lane: Lane, item: Item) -> None:
        match item:
            case Message():
                self._judge_more(side, lane, item)
            case Closed() if item.close.reason:
                # A text like any other: it is shown to whoever is at the other end.
                lane.closing = item
                self._judge(side, lane, Message(item.close.reason.encode(), item.close.reason))
            case Closed():
                self._closed(side, item.close)
            case Violation():
                self._outlet.violated(side, item)
            case Gone():
                self._gone(side)

    def _judge(self, side: Side, lane: Lane, message: Message) -> None:
        lane.judging = (message,)
        self._outlet.judge(side, message)

    def _judge_more(self, side: Side, lane: Lane, first: Message) -> None:
        """Have the next message judged, with those behind it where many short ones have come at once."""
        if len(lane.queue) + 1 < FEWEST_TOGETHER or not is_short(first) or not self._outlet.judges_together(side):
            self._judge(side, lane, first)
            return
        together = [first]
        while lane.queue and isinstance(after := lane.queue[0], Message) and is_short(after):
            together.append(after)
            lane.queue.popleft()
        lane.judging = tuple(together)
        self._outlet.judge_together(side, lane.judging)

    def passed(self, side: Side, instead: bytes | None = None) -> None:
        """What was asked about may pass, or `instead` of it this; UTF-8 for a text."""
        lane = self._lanes[side]
        messages, lane.judging = lane.judging, ()
        closing, lane.closing = lane.closing, None
        if not messages or self._is_over:
            return
        if closing is not None:
            reason = closing.close.reason if instead is None else clipped(instead.decode("utf-8", "replace"))
            self._closed(side, Close(closing.close.code, reason))
        else:
            lane.size -= sum(len(message.data) for message in messages)
            self._forward(side.other, messages if instead is None else (_rewritten(messages[0], instead),))
        self._pump(side)
        self._read(side)

    def dropped(self, side: Side) -> None:
        """What was asked about may not pass, and yet ends nothing; of a Close only the reason is dropped."""
        lane = self._lanes[side]
        messages, lane.judging = lane.judging, ()
        closing, lane.closing = lane.closing, None
        if not messages or self._is_over:
            return
        if closing is not None:
            self._closed(side, Close(closing.close.code))
        else:
            lane.size -= sum(len(message.data) for message in messages)
        self._pump(side)
        self._read(side)

    def _forward(self, side: Side, messages: tuple[Message, ...]) -> None:
        binaries = sum(message.is_binary for message in messages)
        self.binaries += binaries
        self.texts += len(messages) - binaries
        lane = self._lanes[side]
        if not lane.sent:
            self._outlet.send(side, b"".join([lane.endpoint.message(message) for message in messages]))

    def _regulate(self, side: Side) -> None:
        """Read `side` or don't: as the other one takes what comes of it, and as it waits here."""
        lane = self._lanes[side]
        # Where all is over its Close alone is waited for, and the rest dropped.
        is_slow = self._lanes[side.other].is_blocked and not self._is_over
        hold = lane.is_full or lane.is_busy or is_slow
        if hold == lane.is_held or lane.is_finished:
            return
        lane.is_held = hold
        if hold:
            self._outlet.hold(side)
        else:
            self._outlet.more(side)

    # -- closing ---------------------------------------------------------------------------------------------------

    def _closed(self, side: Side, close: Close) -> None:
        """All that `side` said before it closed has passed: the other is told, and `side` when that has answered."""
        lane, other = self._lanes[side], self._lanes[side.other]
        lane.received = True
        self._send_close(side.other, close)
        if lane.sent:
            self._finish(side)
        if other.received:
            self._finish(side.other)

    def _gone(self, side: Side) -> None:
        lane = self._lanes[side]
        if not lane.received:
            self._send_close(side.other, Close(GOING_AWAY, f"{side.name.lower()} disconnected"))
        lane.received = lane.sent = True
        self._finish(side)
        if self._lanes[side.other].received:
            self._finish(side.other)

    def end(self, client: Close, upstream: Close) -> None:
        """Close both sides for a reason of our own; what waits is dropped. Who broke a rule is not waited for."""
        if self._is_over:
            return
        self._is_over = True
        for side, close in ((Side.CLIENT, client), (Side.UPSTREAM, upstream)):
            lane = self._lanes[side]
            lane.drop()
            self._send_close(side, close)
            if lane.is_silent or lane.is_gone:
                self._finish(side)
            else:
                self._read(side)

    def _send_close(self, side: Side, close: Close) -> None:
        lane = self._lanes[side]
        if not lane.sent:
            lane.sent = True
            self._outlet.send(side, lane.endpoint.close(close))

    def _finish(self, side: Side) -> None:
        lane = self._lanes[side]
        if not lane.is_finished:
            lane.is_finished = True
            lane.drop()
            self._outlet.finished(side)


def _rewritten(message: Message, data: bytes) -> Message:
    """`message` with other content."""
    if message.is_binary:
        return Message(data, None, message.compressed)
    text = data.decode("utf-8", "replace")
    return Message(data, text, message.compressed)
