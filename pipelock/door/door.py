"""The one way through, as transports use it.

    judge(action, then) ─▶ Engine ─▶ [Resolver] ─▶ decision ─▶ ask? ─▶ held until a person, the deadline, the client's
    departure or something stronger ends it ─▶ recorded exactly once ─▶ published ─▶ then(decision)

`then` is called exactly once, at once where nothing has to be waited for, unless the transport abandons the ticket
first. A failure on the way (a scanner that raises, a log that cannot be written in strict mode) is a block that says
so. What waits is judged again when the policy or the kill switch moves. Everything runs on the reactor thread except
content scans of large bodies.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure

from pipelock.door.bus import EventBus
from pipelock.door.edges import Clock
from pipelock.door.holding import Holding, HoldingParts, Then, Ticket
from pipelock.door.resolver import Resolver
from pipelock.door.stats import Stats
from pipelock.door.veil import Veil
from pipelock.engine import (
    Answered,
    Answers,
    Approvals,
    Content,
    Engine,
    Facts,
    Lookup,
    refuse,
)
from pipelock.model import (
    Action,
    Answer,
    BlockReason,
    Decided,
    Decision,
    KillSwitchChanged,
    Notice,
    Record,
    TunnelClosed,
    Verdict,
)

__all__ = ["THREAD_BYTES", "Door", "DoorParts", "Ticket"]

THREAD_BYTES = 64 * 1024
"""Bodies from this size on are scanned in the thread pool.

The hand-over costs a clean body of this size a twentieth of its scan (0.2 ms), which scans beside each other win back;
a hostile one would keep the reactor, and so every other connection, waiting for up to 0.1 s.
"""

_COMPLAINT_SECONDS = 60.0

Inspect = Callable[[Callable[[], Content], Callable[[Content | Failure], None]], None]


class DoorParts(msgspec.Struct, frozen=True):
    """What a door is made of. `wall` gives seconds since the epoch; `inspect` runs a content scan in a thread."""

    engine: Engine
    approvals: Approvals
    bus: EventBus
    resolver: Resolver
    stats: Stats
    write: Callable[[Record], None]
    write_tunnel: Callable[[TunnelClosed, float], None]
    write_error: Callable[[Action, str, float], None]
    clock: Clock
    wall: Callable[[], float]
    inspect: Inspect


class Door:
    """Judges for every transport, holds what a person must see, records and publishes."""

    _log = Logger()

    def __init__(self, parts: DoorParts) -> None:
        self.engine = parts.engine
        self.approvals = parts.approvals
        self.bus = parts.bus
        self.stats = parts.stats
        self._resolver = parts.resolver
        self._write = parts.write
        self._write_tunnel = parts.write_tunnel
        self._write_error = parts.write_error
        self._clock = parts.clock
        self.wall = parts.wall
        self._inspect = parts.inspect
        self._veil = Veil()
        self.holding = Holding(
            HoldingParts(
                engine=parts.engine,
                approvals=parts.approvals,
                bus=parts.bus,
                clock=parts.clock,
                wall=parts.wall,
                judge=self._start,
                finish=self._finish,
                summarise=self._veil.summarise,
            )
        )
        self._complained_at = -_COMPLAINT_SECONDS
        self._crash_told_at = -_COMPLAINT_SECONDS

    # -- judging ---------------------------------------------------------------------------------------------------

    def judge(self, action: Action, then: Then) -> Ticket:
        """Judge `action`; `then` gets a decision whose verdict is never `ASK`.

        What `then` raises is logged and announced; the decision is recorded before.
        """
        ticket = Ticket(self, action, then)
        self._start(ticket)
        return ticket

    def _start(self, ticket: Ticket) -> None:
        action = ticket.action
        if len(action.body) >= THREAD_BYTES:
            self._inspect(lambda: self.engine.inspect(action), lambda content: self._inspected(ticket, content))
        else:
            self._adjudicate(ticket, None)

    def _inspected(self, ticket: Ticket, content: Content | Failure) -> None:
        if isinstance(content, Failure):
            self._crashed(ticket, content)
        elif content.policy != self.engine.policy.hash:
            self._start(ticket)  # a reload came between
        else:
            self._adjudicate(ticket, content)

    def _adjudicate(self, ticket: Ticket, content: Content | None) -> None:
        facts = Facts(self._clock.seconds(), self.wall(), content, again=ticket.counted)
        try:
            outcome = self.engine.adjudicate(ticket.action, facts)
        except Exception:  # noqa: BLE001 - whatever a scanner raises, the answer is a block that says so
            self._crashed(ticket, Failure())  # type: ignore[no-untyped-call]
            return
        if isinstance(outcome, Lookup):
            lookup = outcome
            self._resolver.resolve(lookup.host, lambda answers: self._resolved(ticket, lookup, answers))
        else:
            self._decided(ticket, outcome)

    def _resolved(self, ticket: Ticket, lookup: Lookup, answers: Answers) -> None:
        try:
            decision = lookup.resume(answers, Facts(self._clock.seconds(), self.wall(), again=ticket.counted))
        except Exception:  # noqa: BLE001 - as in _adjudicate
            self._crashed(ticket, Failure())  # type: ignore[no-untyped-call]
            return
        if decision.policy == self.engine.policy.hash:
            self._decided(ticket, decision)
        else:
            # A reload came while the name was looked up; the policy in force has the say.
            ticket.counted = ticket.counted or decision.verdict is not Verdict.BLOCK
            self._start(ticket)

    def _crashed(self, ticket: Ticket, failure: Failure) -> None:
        now = self._clock.seconds()
        if now - self._crash_told_at >= _COMPLAINT_SECONDS:
            # Told once a minute: a rule that fails, fails on every request.
            self._crash_told_at = now
            self._log.failure("a scanner failed on action {id}", failure=failure, id=ticket.action.id)
            name = type(failure.value).__name__
            self.bus.publish(Notice("error", f"a scanner failed ({name}); requests are blocked unread"))
        self._finish(
            ticket,
            refuse(
                ticket.action,
                self.engine.policy,
                BlockReason.PATTERN_UNAVAILABLE,
                "a scanner failed, so this was blocked unread; the daemon's log has the details",
                status=503,
            ),
        )

    def _decided(self, ticket: Ticket, decision: Decision) -> None:
        if ticket.revision is not None:
            self.holding.revised(ticket, ticket.revision, decision)
        elif decision.verdict is Verdict.ASK:
            self.holding.ask(ticket, decision)
        else:
            self._finish(ticket, decision)

    # -- holding ---------------------------------------------------------------------------------------------------

    @property
    def dashboards(self) -> int:
        """How many dashboards are there to answer."""
        return self.holding.dashboards

    @dashboards.setter
    def dashboards(self, count: int) -> None:
        self.holding.dashboards = count

    def answer(self, pending_id: str, answer: Answer, binding: str = "") -> Answered:
        """Settle what waits under `pending_id`, and what else the answer covers, as a person said.

        Raises:
            StaleAnswerError: nothing waits there, or not what the person saw.
            BadAnswerError: this was not offered, or can't be kept; nothing is settled.
        """
        return self.holding.answer(pending_id, answer, binding)

    def abandoned(self, ticket: Ticket) -> None:
        """A ticket's client is gone."""
        self.holding.abandoned(ticket)

    def rejudge_held(self) -> None:
        """Judge again what waits under another policy than that in force, and what the kill switch stops."""
        self.holding.rejudge()

    def close(self) -> None:
        """Deny everything that waits, and from now on everything that would: the daemon stops."""
        self.holding.close()

    # -- what everyone is told -------------------------------------------------------------------------------------

    def kill_switch_moved(self, by: str) -> None:
        """Tell watchers, and stop what waits."""
        self.bus.publish(KillSwitchChanged(self.engine.kill.state, by))
        if self.engine.kill.active:
            self.rejudge_held()

    def carried(self, action: Action, size: int) -> str:
        """Count bytes of a tunnel that nobody reads, opened by `action`; why no more may go, empty where they may."""
        return self.engine.carried(action, size, Facts(self._clock.seconds(), self.wall()))

    def tunnel_closed(self, closed: TunnelClosed) -> None:
        """A tunnel ended."""
        if closed.websocket:
            self.stats.websocket_closed(closed)
        else:
            self.stats.tunnel_closed(closed)
        self.bus.publish(closed)
        try:
            self._write_tunnel(closed, self.wall())
        except OSError as error:
            self._complain(error)

    def websocket_closed(self, closed: TunnelClosed) -> None:
        """A WebSocket ended."""
        self.tunnel_closed(msgspec.structs.replace(closed, websocket=True))

    def failed(self, action: Action, why: str) -> None:
        """An allowed action could not be carried out: nobody's refusal, so no decision, but a line."""
        self.bus.publish(Notice("warn", f"{action.method} {action.host}:{action.port}: {why}"))
        try:
            self._write_error(action, why, self.wall())
        except OSError as error:
            self._complain(error)

    def _finish(self, ticket: Ticket, decision: Decision) -> None:
        if ticket.action.kind.is_part and decision.verdict is Verdict.ALLOW and not decision.findings:
            # A stream has one record where it begins, and one for whatever is not simply let through.
            self._tell(ticket, decision)
            return
        record = self._record(ticket, decision)
        if not self._is_written(record) and decision.verdict is not Verdict.BLOCK:
            decision = refuse(
                ticket.action,
                self.engine.policy,
                BlockReason.PATTERN_UNAVAILABLE,
                "the audit log cannot be written, and this may not pass unrecorded",
                layer="recorder",
                status=503,
            )
            record = self._record(ticket, decision)
        self.engine.note(ticket.action, record.action, decision, Facts(self._clock.seconds(), record.at))
        self.stats.decided(record)
        self.bus.publish(Decided(record))
        self._tell(ticket, decision)

    def _tell(self, ticket: Ticket, decision: Decision) -> None:
        then, ticket.then = ticket.then, None
        if then is None:
            return
        try:
            then(decision)
        except Exception as error:  # noqa: BLE001 - one transport's fault must not keep the others' answers from them
            self._log.failure("a transport failed on the decision about {id}", id=ticket.action.id)
            self.bus.publish(Notice("error", f"a transport failed on a decision: {type(error).__name__}"))

    def _is_written(self, record: Record) -> bool:
        """Write `record`; whether its decision may be enforced. A full disk stops traffic in mode strict alone."""
        try:
            self._write(record)
        except OSError as error:
            self._complain(error)
            return self.engine.policy.mode != "strict"
        except Exception as error:  # noqa: BLE001 - content that cannot be recorded must not pass unseen in any mode
            self._log.failure("a record could not be made of action {id}", id=record.action.id)
            self._complain(error)
            return False
        return True

    def _record(self, ticket: Ticket, decision: Decision) -> Record:
        return Record(
            at=self.wall(),
            action=self._veil.summarise(ticket.action, decision),
            decision=decision if decision.body is None else msgspec.structs.replace(decision, body=None),
            took_us=int((time.perf_counter() - ticket.began) * 1e6),
        )

    def _complain(self, error: Exception) -> None:
        now = self._clock.seconds()
        if now - self._complained_at >= _COMPLAINT_SECONDS:
            self._complained_at = now
            self._log.error("the audit log cannot be written: {error}", error=error)
            self.bus.publish(Notice("error", f"the audit log cannot be written: {error}"))
