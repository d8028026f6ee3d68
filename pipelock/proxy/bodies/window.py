"""A body that is judged while it passes: whole if it is small, window by window if it is not.

    wire ─▶ StreamDecoder ─▶ buffer ─▶ [ context | window ] ─▶ judged ─▶ passed up to the cut, the rest is held back

Up to `whole` bytes a body is held and judged once, as if it had come at once. Of a larger one the first window is
judged with the head, as the action it belongs to, and each later one as a `PIECE`. Nothing passes before it was judged,
and the last `HOLD_BACK` bytes of a window only after what follows them was: what is at most that long and begins in one
window is judged in one piece, in that window or in the next. The end of what has passed comes before each window again
as context (see `_context.py`), for what is told by its surroundings.

An answer that comes slowly is let through before a window is full, up to its last white space (`flush_after`); then it
is the context alone that what follows is understood by. A request never is.

In memory are at most: `whole` bytes while the body may still be small (a window, once half of all the memory for bodies
is in use), afterwards two windows before they are judged,
one that is being judged with its context, and what was fed and is not decoded. All of it is counted in the budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipelock.door.edges import Call, Clock
from pipelock.model import Action, Decision, Direction, Fault, Kind, Verdict
from pipelock.proxy.bodies._context import Context
from pipelock.proxy.bodies._cuts import flush_cut, may_flow, window_cut
from pipelock.proxy.bodies._pace import Pace
from pipelock.proxy.bodies.decoder import CodingError, StreamDecoder
from pipelock.proxy.bodies.faults import BEGAN_BEFORE, TOO_BUSY, UNREADABLE

if TYPE_CHECKING:
    from pipelock.door.door import Door, Ticket
    from pipelock.proxy.bodies.stream import BodySink
    from pipelock.proxy.limits import Budget

__all__ = ["FLUSH_AFTER", "HOLD_BACK", "WINDOW", "WindowStream"]

WINDOW = 262_144
"""Bytes that are judged at once, the context not counted."""
HOLD_BACK = 16_384
"""Bytes at the end of a window that wait for the next one.

The longest passage that a rule bounds is below 2 KiB; tokens and phrases that no rule bounds are far shorter than this
in practice. What is longer and lies across a cut is seen in two parts.
"""
FLUSH_AFTER = 0.2
"""Seconds without news after which what there is of a slow answer is let through."""
_HIGH = 2 * WINDOW
_MAX_TOLD = 64
"""Rules of which one warning a body is enough."""
_TURN = 524_288
"""Bytes that are decoded before others have their turn: 1 to 3 ms."""


class WindowStream:
    """Judges one body.

    Args:
        door: Judges.
        clock: Tells the time.
        budget: The memory that all bodies share.
        action: The request or the answer, without its body.
        sink: Gets what passes.
        codings: The Content-Encoding fields, joined by commas.
        length: The length that the head states, if it does.
        whole: Bytes (decoded) up to which the body is held and judged whole.
        larger: What is said of a larger one; by default it is judged window by window.
        flush_after: Seconds after which a slow answer flows on; `None` for never. Requests don't.
    """

    def __init__(
        self,
        door: Door,
        clock: Clock,
        budget: Budget,
        action: Action,
        sink: BodySink,
        *,
        codings: str = "",
        length: int | None = None,
        whole: int = 0,
        larger: Fault | None = None,
        flush_after: float | None = None,
    ) -> None:
        self._door = door
        self._clock = clock
        self._budget = budget
        self._action = action
        self._sink = sink
        self._whole = whole
        self._larger = larger
        self._fault: Fault | None = None
        self._decoder: StreamDecoder | None = None
        try:
            self._decoder = StreamDecoder(codings, action.direction)
        except CodingError as error:
            self._fault = error.fault
        self.is_decoded = self._decoder is None or bool(self._decoder.codings)
        self.keeps_length = length is not None and not self.is_decoded
        # Where it is known that the body is large there is nothing to wait for.
        if larger is not None and (length or 0) > whole:
            self._fault = self._fault or larger
        self._in_windows = larger is None and self.keeps_length and (length or 0) > whole
        flows = action.direction is Direction.INBOUND and larger is None
        self._pace = Pace(clock, flush_after if flows else None, self._flush)
        self._has_length = length is not None
        self._context = Context(action.content_type)
        self._buffer = bytearray()
        self._judging = 0
        self._reserved = 0
        self._wire = 0
        self._told_wire = 0
        self._ticket: Ticket | None = None
        self._turn: Call | None = None
        self._told: tuple[str, ...] = ()
        self._has_begun = False
        self._is_ended = False
        self._is_over = False
        self._is_paused = False
        self._is_held = False
        self._is_busy = False
        self._is_called = False
        self._is_dry = True
        self._flushes = False

    # -- what the feeder calls -------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take more of the wire's bytes, the transfer coding taken off."""
        if self._is_over or not data:
            return
        self._wire += len(data)
        if self._fault is not None or self._decoder is None:
            self.fail(self._fault or TOO_BUSY)
            return
        self._decoder.feed(data)
        self._is_dry = False
        self._note_news()
        self._go_on()

    def finish(self) -> None:
        """The body is complete."""
        if self._is_over or self._is_ended:
            return
        self._is_ended = True
        self._pace.stop()
        if self._decoder is not None:
            self._decoder.finish()
            self._is_dry = False
        self._go_on()

    def fail(self, fault: Fault) -> None:
        """The body will not be complete: have that judged."""
        if self._is_over:
            return
        self._drop()
        self._is_over = True
        action = self._part() if self._has_begun else self._action
        action = msgspec.structs.replace(action, fault=fault, size=self._wire - self._told_wire)
        self._door.judge(action, lambda decision: self._sink.body_refused(action, decision))

    def cancel(self) -> None:
        """Nobody wants it any more; harmless at any time."""
        self._is_over = True
        self._drop()

    def pause(self) -> None:
        """The receiver takes no more for now. What is being judged may still be passed."""
        self._is_paused = True

    def resume(self) -> None:
        """It takes more."""
        self._is_paused = False
        self._go_on()

    # -- going on --------------------------------------------------------------------------------------------------

    def _go_on(self) -> None:
        """Decode, judge and pass as much as can be. What is called from here may call back."""
        if self._is_busy:
            self._is_called = True
            return
        self._is_busy = True
        try:
            while not self._is_over and (self._step() or self._is_called):
                self._is_called = False
        finally:
            self._is_busy = False

    def _step(self) -> bool:
        """Do one thing; whether there may be more to do."""
        try:
            self._decode()
        except CodingError as error:
            self.fail(error.fault)
            return False
        except Exception:  # noqa: BLE001 - whatever a decoder stumbles over, nobody has judged it
            self.fail(UNREADABLE)
            return False
        if not self._in_windows and len(self._buffer) > self._whole and self._larger is not None:
            self.fail(self._larger)
            return False
        self._in_windows = self._in_windows or self._is_large
        if not self._reserve():
            self.fail(TOO_BUSY)
            return False
        judges = self._ticket is None and not self._is_paused and self._judge_next()
        if not self._is_over:
            self._tell_feeder()
        return judges and self._ticket is None and not self._is_over

    def _decode(self) -> None:
        """Fill the buffer, as far as it may be."""
        decoder = self._decoder
        if decoder is None:
            return
        room = _HIGH if self._in_windows else self._whole + 1
        most = len(self._buffer) + _TURN if decoder.codings else room
        while len(self._buffer) < room and not self._is_dry:
            piece = decoder.read()
            self._is_dry = not piece
            self._buffer += piece
            if len(self._buffer) >= most:
                if self._turn is None:
                    self._turn = self._clock.callLater(0, self._next_turn)
                return

    @property
    def _is_large(self) -> bool:
        """Whether there is too much of it to be held whole; less counts as that where memory becomes scarce."""
        if len(self._buffer) > self._whole:
            return True
        return len(self._buffer) > WINDOW and self._larger is None and self._budget.used > self._budget.limit // 2

    def _next_turn(self) -> None:
        self._turn = None
        self._go_on()

    def _judge_next(self) -> bool:
        """Begin to judge what is due; whether anything is."""
        flush, self._flushes = self._flushes, False
        if flush and not self._in_windows:
            self._in_windows = flush = self._may_flow()
        size = len(self._buffer)
        if self._in_windows and size > WINDOW:
            self._judge(WINDOW)
        elif self._is_ended and self._is_dry:
            self._judge(size, is_last=True)
        elif flush and flush_cut(bytes(self._buffer), 0):
            self._judge(size, flush=True)
        else:
            return False
        return True

    def _judge(self, size: int, *, is_last: bool = False, flush: bool = False) -> None:
        context = self._context.data
        with memoryview(self._buffer) as view:
            body = b"".join((context, view[:size]))
        if is_last:
            self._buffer = bytearray()
        action = self._part() if self._has_begun else self._action
        action = msgspec.structs.replace(
            action, body=body, seen=len(context), partial=not is_last, size=self._wire - self._told_wire
        )
        self._told_wire = self._wire
        self._judging = len(body)
        self._pace.stop()
        if not self._reserve():
            self.fail(TOO_BUSY)
            return

        def judged(decision: Decision) -> None:
            self._ticket = None
            self._judging = 0
            if self._is_over:
                return
            # The decision may come at once, or later and from outside.
            was_busy, self._is_busy = self._is_busy, True
            try:
                self._judged(action, decision, size, is_last=is_last, flush=flush)
            finally:
                self._is_busy = was_busy
            self._go_on()

        ticket = self._door.judge(action, judged)
        if ticket.then is not None:
            self._ticket = ticket

    def _part(self) -> Action:
        return msgspec.structs.replace(self._action, kind=Kind.PIECE, headers=(), told=self._told)

    def _judged(self, action: Action, decision: Decision, size: int, *, is_last: bool, flush: bool) -> None:
        if decision.verdict is Verdict.BLOCK:
            self._drop()
            self._is_over = True
            self._sink.body_refused(action, decision)
            return
        if decision.verdict is Verdict.WARN:
            rules = dict.fromkeys((*self._told, *(finding.rule for finding in decision.findings)))
            self._told = tuple(rules)[:_MAX_TOLD]
        body = action.body if decision.body is None else decision.body
        known = action.seen
        if body is not action.body and not self._may_change(action, body):
            self.fail(BEGAN_BEFORE)
            return
        if not self._has_begun:
            self._has_begun = True
            if body is not action.body:
                self.keeps_length = False
            self._sink.body_judged(decision)
        end = len(body)
        if not is_last:
            # What was rewritten takes the place of what it was made from, and its end is judged again with the rest.
            end = flush_cut(body, known) if flush else window_cut(body, known, HOLD_BACK)
            self._buffer[:size] = memoryview(body)[end:]
            self._context.advance(body, end)
            if self._buffer:
                # What is held back, and what came while a window was judged, may wait for long as well.
                self._note_news()
        self._pass(body[known:end] if known or end < len(body) else body, is_last=is_last)

    def _may_change(self, action: Action, body: bytes) -> bool:
        if not self._has_begun:
            return True
        return body.startswith(action.body[: action.seen]) and (not self.keeps_length or len(body) == len(action.body))

    def _pass(self, data: bytes, *, is_last: bool) -> None:
        if self._is_over:
            return
        if data:
            self._sink.body_passed(data)
        if is_last and not self._is_over:
            self._is_over = True
            self._drop()
            self._sink.body_done()

    # -- slow answers ----------------------------------------------------------------------------------------------

    def _note_news(self) -> None:
        if not self._is_ended and self._ticket is None:
            self._pace.news()

    def _flush(self) -> None:
        self._flushes = True
        self._go_on()

    def _may_flow(self) -> bool:
        start = bytes(memoryview(self._buffer)[:WINDOW])
        return not self._has_length and may_flow(start, self._action.content_type)

    # -- memory and ends -------------------------------------------------------------------------------------------

    @property
    def held(self) -> int:
        """Bytes of it in memory."""
        waiting = 0 if self._decoder is None else self._decoder.waiting
        return waiting + len(self._buffer) + self._judging + len(self._context.data)

    def _reserve(self) -> bool:
        more = self.held - self._reserved
        if more > 0 and not self._budget.take(more):
            return False
        if more < 0:
            self._budget.give(-more)
        self._reserved += more
        return True

    def _tell_feeder(self) -> None:
        """Slow the feeder down, or have it go on."""
        if self._is_ended:
            return
        waiting = 0 if self._decoder is None else self._decoder.waiting
        full = waiting + (len(self._buffer) if self._in_windows else 0)
        if not self._is_held and full >= _HIGH:
            self._is_held = True
            self._sink.body_hold()
        elif self._is_held and full < WINDOW:
            self._is_held = False
            self._sink.body_more()

    def _drop(self) -> None:
        """Free everything."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            ticket.abandon()
        self._pace.stop()
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.cancel()
        self._decoder = None
        self._buffer = bytearray()
        self._context.data = b""
        self._judging = 0
        self._budget.give(self._reserved)
        self._reserved = 0
