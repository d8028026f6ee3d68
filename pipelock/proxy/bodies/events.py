"""A stream of events, judged event by event while it flows.

    feed ─▶ decoder ─▶ splitter ─▶ blocks ─▶ Reader: text and what went before ─▶ door ─▶ body_passed(block)

The head is judged first, without a body. It passes with the first event, or after a short wait by itself, for clients
wait for it; a first event that is refused in time is answered as if there had been no stream. An event is forwarded, as
it was on the wire, as soon as it has been judged together with the end of the text it continues; nothing is held for
the sake of what may follow, with one exception: what is found may be gone when its token (a hash, a number) or its
quotation (an example) goes on, and the password in a URL is one by the host behind it. Then the next event is waited
for, `TOKEN_SECONDS` at most and `MAX_KEPT` times.
What was forwarded before can't be taken back: of a secret or an instruction that is spread
over events, all pass but the one that completes it.

A refusal ends the stream with an event that clients take for an error (`endings`). Where findings are to be warned
about (`lenient`), an event that can't be read or is too large is dropped and the stream goes on.

Memory: one unfinished event and the blocks that wait (`limit` and 64 KiB, and one decoded piece of 128 KiB), the wire
bytes that were fed, and the ends of at most 64 texts (4 KiB each).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Protocol as Shape

import msgspec

from pipelock.door.door import Ticket
from pipelock.door.edges import Call, Clock
from pipelock.engine import Content
from pipelock.model import Action, BlockReason, Decision, Direction, Fault, Kind, Verdict
from pipelock.proxy.bodies._blocks import Blocks
from pipelock.proxy.bodies._reader import Reader, Work
from pipelock.proxy.bodies.endings import HEARTBEAT, ending
from pipelock.proxy.bodies.faults import TOO_BUSY
from pipelock.proxy.bodies.sse import StreamFormat, is_event_stream, stream_format
from pipelock.proxy.limits import Budget
from pipelock.proxy.turns import Turn, Turns

if TYPE_CHECKING:
    from pipelock.proxy.bodies.stream import BodySink

__all__ = ["EVENT_LIMIT", "EventStream", "is_event_stream"]

EVENT_LIMIT = 1_048_576
"""The largest event where config says nothing, bytes."""
MAX_WAITING = 65_536
"""Bytes of blocks and of the wire that wait for a judgement before no more is asked for."""
RESERVED = 131_072
"""Bytes that a stream is expected to hold at most, unless it does its worst."""
TOKEN_SECONDS = 0.25
"""How long an event is kept whose text may be the beginning of something harmless, for the one that shows it."""
MAX_KEPT = 32
"""Events that are kept so, all together."""
HEAD_SECONDS = 0.25
"""After so long without an event the head goes by itself (`body_passed` with nothing in it)."""
HEARTBEAT_SECONDS = 15.0
"""Between two signs of life to a client that waits for a verdict."""
TURN = 65_536
"""Bytes of events, `PER_EVENT` for each added, after which other connections have their turn: 5 to 15 ms."""
PER_EVENT = 1024
SINGLY = 64
"""So many events that are there at the same time are judged one by one, more of them together."""
TOGETHER = 8192
"""Bytes of events that are judged together."""


class Inspector(Shape):
    """The engine, as a stream uses it."""

    def inspect(self, action: Action) -> Content:
        """What the scanners find, without a judgement. Raises MatcherError."""


class Judge(Shape):
    """The door, as a stream uses it."""

    @property
    def engine(self) -> Inspector:
        """What it asks."""

    def judge(self, action: Action, then: Callable[[Decision], None]) -> Ticket:
        """Judge `action`; `then` gets the decision, maybe before this returns."""


class EventStream:
    """Judges the body of one response event by event; see `bodies.stream.BodyStream` for who calls what.

    It starts with the first call of one of these, or by itself in the next turn of the reactor: clients want a head
    although no event may follow for long.

    Args:
        door: Judges.
        clock: For heartbeats.
        action: The response, without a body.
        sink: Gets what was judged.
        codings: The value of Content-Encoding.
        budget: What of all memory for bodies is left; a stream takes `RESERVED` of it for as long as it lasts, and more
            for the largest event that it has held.
        max_event: The largest event, bytes; 0 stands for `EVENT_LIMIT`.
        lenient: An event that can't be read is dropped; otherwise it ends the stream.
        turns: Whose turn it is of those who have much to do; shared by all streams.
    """

    keeps_length = False

    def __init__(
        self,
        door: Judge,
        clock: Clock,
        action: Action,
        sink: BodySink,
        *,
        budget: Budget | None = None,
        codings: str = "",
        max_event: int = EVENT_LIMIT,
        lenient: bool = False,
        turns: Turns | None = None,
    ) -> None:
        self._door = door
        self._clock = clock
        self._action = msgspec.structs.replace(action, direction=Direction.INBOUND)
        self._sink = sink
        self._budget = budget or Budget()
        self._lenient = lenient
        self._format = stream_format(action.content_type) or StreamFormat.SSE
        self._blocks = Blocks(self._format, codings, max_event or EVENT_LIMIT)
        self.is_decoded = self._blocks.is_decoded
        self._reader = Reader(self._format)
        self._fault: Fault | None = self._blocks.fault
        self._reserved = 0
        self._work: Work | None = None
        self._kept: list[bytes] = []
        self._kept_until: Call | None = None
        self._said: list[Decision] = []
        self._ticket: Ticket | None = None
        self._beat: Call | None = None
        self._turns = turns or Turns(clock)
        self._turn: Turn | None = None
        self._done = 0
        self._opening: Call | None = clock.callLater(0, self._pump)
        self._is_started = False
        self._is_begun = False
        self._is_over = False
        self._is_paused = False
        self._is_held = False
        self._is_pumping = False
        self._reserve(RESERVED)

    # -- what comes in ---------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """More of the body, as it was on the wire."""
        if not self._is_over:
            self._blocks.feed(data)
            self._pump()
            self._reserve(RESERVED + self._blocks.unfinished)

    def _reserve(self, size: int) -> None:
        """Have `size` bytes of the memory of all bodies; a large event is the exception that has to ask for more."""
        if self._is_over or size <= self._reserved:
            return
        if self._budget.take(size - self._reserved):
            self._reserved = size
        else:
            self._fault = TOO_BUSY

    def finish(self) -> None:
        """The body is complete."""
        self._blocks.finish()
        self._pump()

    def fail(self, fault: Fault) -> None:
        """There is no more, and no good end. What came whole before that is judged and passes."""
        self._fault = self._fault or fault
        self._pump()

    def cancel(self) -> None:
        """Nobody wants it any more."""
        self._end()

    def pause(self) -> None:
        """The receiver takes no more for now."""
        self._is_paused = True
        self._balance()

    def resume(self) -> None:
        """It takes more."""
        self._is_paused = False
        self._pump()

    # -- one thing after the other ---------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Go on as far as possible. Decisions that come at once come back here, and don't go deeper."""
        if self._is_pumping:
            return
        self._is_pumping = True
        self._done = 0
        try:
            while not self._is_over and not self._is_stuck and self._step():
                if self._done >= TURN and not self._is_over:
                    self._turn = self._turns.ask(self._next_turn)
        finally:
            self._is_pumping = False
        self._balance()

    @property
    def _is_stuck(self) -> bool:
        """Whether somebody else has to do something first."""
        return self._is_paused or self._ticket is not None or self._turn is not None

    def _next_turn(self) -> None:
        self._turn = None
        self._pump()

    def _step(self) -> bool:
        """Do the next thing; false where more has to come first."""
        if not self._is_started:
            self._is_started = True
            _cancel(self._opening)
            if self._fault is not None:
                self._refuse_for(self._fault, self._refused)
            else:
                self._judge(msgspec.structs.replace(self._action, body=b"", partial=True), self._head_judged)
        elif self._work is not None:
            self._go_on(self._work)
        elif self._blocks:
            self._begin()
        elif self._blocks.cut():
            self._fault = self._blocks.fault or self._fault
        elif self._kept and (self._fault is not None or self._blocks.is_complete):
            self._let_go()
        elif self._fault is not None:
            self._refuse_for(self._fault, self._refused)
        elif self._blocks.is_complete:
            self._end()
            self._sink.body_done()
        else:
            return False
        return True

    def _begin(self) -> None:
        """Take the next block, or several where many have come at once."""
        taken = self._blocks.take(TOGETHER if len(self._blocks) > SINGLY else 0)
        if taken:
            kept, self._kept = self._kept, []
            _cancel(self._kept_until)
            self._read([*kept, *taken], may_keep=len(kept) < MAX_KEPT)
        elif self._kept:
            self._let_go()
        elif self._blocks.take_oversize():
            self._refuse_for(_TOO_LARGE, self._unreadable)

    def _read(self, blocks: list[bytes], *, may_keep: bool = False) -> None:
        try:
            work = self._reader.read(blocks)
        except ValueError:
            if len(blocks) > 1:
                # Which one it is shows when each is read by itself.
                self._blocks.put_back(blocks[1:])
                self._read(blocks[:1])
                return
            self._refuse_for(_NO_TEXT, self._unreadable)
            return
        if may_keep and (work.is_in_password or (work.is_open and self._is_premature(work))):
            self._kept = blocks
            self._kept_until = self._clock.callLater(TOKEN_SECONDS, self._let_go)
        else:
            self._work = work

    def _is_premature(self, work: Work) -> bool:
        """Whether something is found in `work` that what follows may show to be nothing."""
        try:
            findings = self._door.engine.inspect(self._asking(work)).findings
        except Exception:  # noqa: BLE001 - the door will meet the same, and refuse
            return False
        return bool(findings) and work.may_change(findings)

    def _let_go(self) -> None:
        """What was kept is judged as it is."""
        kept, self._kept = self._kept, []
        _cancel(self._kept_until)
        if kept:
            self._read(kept)
            self._pump()

    def _go_on(self, work: Work) -> None:
        """Have the next text of `work` judged, or let it pass."""
        if len(self._said) == len(work.asks):
            said, self._said, self._work = self._said, [], None
            self._reader.passed(work, said)
            self._done += len(work.raw) + PER_EVENT
            self._pass(work.raw)
            return
        self._judge(self._asking(work), self._event_judged)

    def _asking(self, work: Work) -> Action:
        """What is asked next about `work`."""
        ask = work.asks[len(self._said)]
        return msgspec.structs.replace(
            self._action,
            kind=Kind.EVENT,
            headers=(),
            body=ask.body,
            seen=ask.seen,
            content_type=ask.content_type,
            size=0 if self._said else len(work.raw),
        )

    # -- decisions -------------------------------------------------------------------------------------------------

    def _judge(self, action: Action, then: Callable[[Action, Decision], None]) -> None:
        def judged(decision: Decision) -> None:
            self._ticket = None
            _cancel(self._beat)
            if not self._is_over:
                then(action, decision)
                self._pump()

        ticket = self._door.judge(action, judged)
        if ticket.then is not None:
            self._ticket = ticket
            if self._is_begun:
                self._beat = self._clock.callLater(HEARTBEAT_SECONDS, self._sign_of_life)

    def _refuse_for(self, fault: Fault, then: Callable[[Action, Decision], None]) -> None:
        """Have something refused that policy has no say in."""
        action = self._action
        if self._is_begun:
            action = msgspec.structs.replace(action, kind=Kind.EVENT, headers=())
        self._judge(msgspec.structs.replace(action, fault=fault), then)

    def _head_judged(self, action: Action, decision: Decision) -> None:
        if decision.verdict in {Verdict.ALLOW, Verdict.WARN}:
            self._is_begun = True
            self._opening = self._clock.callLater(HEAD_SECONDS, self._sink.body_passed, b"")
            self._sink.body_judged(decision)
        else:
            self._refused(action, decision)

    def _event_judged(self, action: Action, decision: Decision) -> None:
        work = self._work
        if work is not None and decision.verdict in {Verdict.ALLOW, Verdict.WARN}:
            self._said.append(decision)
        elif work is not None and decision.verdict in {Verdict.STRIP, Verdict.REDACT} and decision.body is not None:
            # What was taken out of another view of the event than its text can't be put back: nothing of it passes.
            first = not self._said and len(work.asks) == 1
            raw = self._reader.rewritten(work, decision.body) if first else b""
            self._work, self._said = None, []
            if raw:
                self._pass(raw)
        else:
            self._refused(action, decision)

    def _pass(self, data: bytes) -> None:
        _cancel(self._opening)
        self._sink.body_passed(data)

    def _unreadable(self, action: Action, decision: Decision) -> None:
        """An event by itself can't be judged; the decision is a refusal, and on record."""
        if not self._lenient or decision.code is BlockReason.KILL_SWITCH_ACTIVE:
            self._refused(action, decision)

    def _refused(self, action: Action, decision: Decision) -> None:
        is_begun = self._is_begun
        self._end()
        if is_begun:
            self._sink.body_ended(ending(self._format, self._reader.family, decision), action, decision)
        else:
            self._sink.body_refused(action, decision)

    # -- ends and rests --------------------------------------------------------------------------------------------

    def _balance(self) -> None:
        """Tell the sender to stop, or to go on."""
        if self._is_over:
            return
        if not self._is_held and self._is_stuck and self._blocks.waiting >= MAX_WAITING:
            self._is_held = True
            self._sink.body_hold()
        elif self._is_held and not self._is_stuck:
            self._is_held = False
            self._sink.body_more()

    def _sign_of_life(self) -> None:
        self._beat = self._clock.callLater(HEARTBEAT_SECONDS, self._sign_of_life)
        if self._format is StreamFormat.SSE and not self._is_paused:
            self._pass(HEARTBEAT)

    def _end(self) -> None:
        self._is_over = True
        self._budget.give(self._reserved)
        self._reserved = 0
        _cancel(self._beat)
        _cancel(self._turn)
        _cancel(self._kept_until)
        self._kept = []
        _cancel(self._opening)
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            ticket.abandon()
        self._blocks.clear()
        self._work = None


_TOO_LARGE = Fault(
    BlockReason.RESPONSE_SIZE,
    "an event of the stream is larger than is scanned; raise response_scanning.sse_streaming.max_event_bytes",
)
_NO_TEXT = Fault(BlockReason.PARSE_ERROR, "an event of the stream is not UTF-8, or damaged", 502)


def _cancel(call: Call | Turn | None) -> None:
    """Have `call` not happen, if it was still to."""
    if call is not None and call.active():
        call.cancel()
