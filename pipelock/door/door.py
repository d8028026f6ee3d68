"""The one way through, as transports use it.

    judge(action, then) ─▶ Engine ─▶ [Resolver] ─▶ decision ─▶ ask? ─▶ held until a person, the deadline, the client's
    departure or something stronger ends it ─▶ recorded exactly once ─▶ published ─▶ then(decision)

`then` is called exactly once, at once where nothing has to be waited for, unless the transport abandons the ticket
first. A failure on the way (a scanner that raises, a log that cannot be written in strict mode) is a block that says
so. Everything runs on the reactor thread except content scans of large bodies.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from twisted.logger import Logger
from twisted.python.failure import Failure

from pipelock.door.bus import EventBus
from pipelock.door.edges import Call, Clock
from pipelock.door.resolver import Resolver
from pipelock.door.stats import Stats
from pipelock.engine import (
    Answers,
    ApprovalRefused,
    Approvals,
    Content,
    Engine,
    Facts,
    Lookup,
    Settled,
    refuse,
    summarise,
)
from pipelock.model import (
    Action,
    Answer,
    BlockReason,
    Decided,
    Decision,
    Held,
    KillSwitchChanged,
    Notice,
    Outcome,
    Pending,
    Record,
    Released,
    TunnelClosed,
    Verdict,
)

__all__ = ["THREAD_BYTES", "Door", "Ticket"]

THREAD_BYTES = 256 * 1024
"""Bodies from this size on are scanned in the thread pool; smaller ones cost less than the hand-over."""

_COMPLAINT_SECONDS = 60.0

Then = Callable[[Decision], None]
Inspect = Callable[[Callable[[], Content], Callable[[Content | Failure], None]], None]


class Ticket:
    """One action under judgement. A transport whose client leaves calls `abandon`."""

    __slots__ = ("_door", "action", "began", "held_at", "pending", "then")

    def __init__(self, door: Door, action: Action, then: Then) -> None:
        self._door = door
        self.action = action
        self.then: Then | None = then
        self.began = time.perf_counter()
        self.pending: tuple[str, int] | None = None
        self.held_at = 0.0

    def abandon(self) -> None:
        """The client is gone: `then` will not be called any more. Harmless after the decision."""
        if self.then is not None:
            self.then = None
            self._door.abandoned(self)


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
        self.dashboards = 0
        self._resolver = parts.resolver
        self._write = parts.write
        self._write_tunnel = parts.write_tunnel
        self._write_error = parts.write_error
        self._clock = parts.clock
        self._wall = parts.wall
        self._inspect = parts.inspect
        self._deadline: Call | None = None
        self._complained_at = -_COMPLAINT_SECONDS

    # -- judging ---------------------------------------------------------------------------------------------------

    def judge(self, action: Action, then: Then) -> Ticket:
        """Judge `action`; `then` gets a decision whose verdict is never `ASK`."""
        ticket = Ticket(self, action, then)
        if len(action.body) >= THREAD_BYTES:
            self._inspect(lambda: self.engine.inspect(action), lambda content: self._inspected(ticket, content))
        else:
            self._adjudicate(ticket, None)
        return ticket

    def _inspected(self, ticket: Ticket, content: Content | Failure) -> None:
        if isinstance(content, Failure):
            self._crashed(ticket, content)
        else:
            self._adjudicate(ticket, content)

    def _adjudicate(self, ticket: Ticket, content: Content | None) -> None:
        facts = Facts(self._clock.seconds(), self._wall(), content)
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
            decision = lookup.resume(answers, Facts(self._clock.seconds(), self._wall()))
        except Exception:  # noqa: BLE001 - as in _adjudicate
            self._crashed(ticket, Failure())  # type: ignore[no-untyped-call]
            return
        self._decided(ticket, decision)

    def _crashed(self, ticket: Ticket, failure: Failure) -> None:
        self._log.failure("a scanner failed on action {id}", failure=failure, id=ticket.action.id)
        self.bus.publish(Notice("error", f"a scanner failed ({type(failure.value).__name__}); the request was blocked"))
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
        if decision.verdict is not Verdict.ASK:
            self._finish(ticket, decision)
        elif self.approvals.is_granted(ticket.action, decision.policy):
            self._finish(ticket, _allowed(decision, Outcome.APPROVED_SESSION))
        elif ticket.then is None:
            self._finish(ticket, _denied(decision, Outcome.ABANDONED, "the client went away before anyone was asked"))
        else:
            self._hold(ticket, decision)

    # -- holding ---------------------------------------------------------------------------------------------------

    def _hold(self, ticket: Ticket, decision: Decision) -> None:
        now = self._wall()
        held = self.approvals.hold(
            ticket.action,
            summarise(ticket.action, decision),
            decision,
            (ticket, decision),
            now,
            attended=self.dashboards > 0,
        )
        if isinstance(held, ApprovalRefused):
            self._finish(ticket, _denied(decision, held.outcome, f"{decision.reason}; {held.reason}"))
            return
        pending, member = held
        ticket.pending = (pending.id, member)
        ticket.held_at = now
        self.bus.publish(Held(pending))
        self._watch_deadline()

    def answer(self, pending_id: str, answer: Answer, binding: str = "") -> int:
        """Settle what waits under `pending_id` as a person said; returns how many actions that released.

        Raises:
            StaleAnswerError: nothing waits there, or not what the person saw.
        """
        settled = self.approvals.answer(pending_id, answer, binding)
        self._release(pending_id, settled)
        return len(settled)

    def _watch_deadline(self) -> None:
        deadline = self.approvals.next_deadline()
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
        if deadline is not None:
            self._deadline = self._clock.callLater(max(0.0, deadline - self._wall()), self._expire)

    def _expire(self) -> None:
        self._deadline = None
        by_id: dict[str, list[Settled]] = {}
        for settled in self.approvals.expire(self._wall()):
            ticket, _ = _held(settled)
            by_id.setdefault(ticket.pending[0] if ticket.pending else "", []).append(settled)
        for pending_id, group in by_id.items():
            self._release(pending_id, tuple(group))
        self._watch_deadline()

    def _release(self, pending_id: str, settled: tuple[Settled, ...]) -> None:
        if not settled:
            return
        answer = settled[0].answer
        self.bus.publish(Released(pending_id, settled[0].outcome, answer.by if answer else ""))
        for one in settled:
            ticket, decision = _held(one)
            ticket.pending = None
            self._finish(ticket, self._after(one, decision, ticket))
        self._watch_deadline()

    def _after(self, settled: Settled, decision: Decision, ticket: Ticket) -> Decision:
        held_ms = int((self._wall() - ticket.held_at) * 1000)
        note = settled.answer.note if settled.answer else ""
        match settled.outcome:
            case Outcome.APPROVED | Outcome.APPROVED_SESSION:
                return _allowed(decision, settled.outcome, note=note, held_ms=held_ms)
            case Outcome.DENIED:
                reason = f"the operator denied this: {note}" if note else "the operator denied this"
            case Outcome.EXPIRED:
                reason = f"{decision.reason}; nobody answered within {held_ms // 1000} s, so it was denied this once"
            case Outcome.ABANDONED:
                reason = "the client went away while a person was asked"
            case _:
                reason = f"{decision.reason}; it was withdrawn before anyone answered"
        return _denied(decision, settled.outcome, reason, note=note, held_ms=held_ms)

    def abandoned(self, ticket: Ticket) -> None:
        """A ticket's client is gone."""
        if ticket.pending is None:
            return  # still being judged; its decision will be recorded when it is made
        pending_id, member = ticket.pending
        settled, rest = self.approvals.abandon(pending_id, member)
        if settled is None:
            return
        ticket.pending = None
        _, decision = _held(settled)
        self._finish(ticket, self._after(settled, decision, ticket))
        if rest is not None:
            self.bus.publish(Held(rest))
        else:
            self.bus.publish(Released(pending_id, Outcome.ABANDONED))
        self._watch_deadline()

    def rejudge_held(self) -> None:
        """Judge again everything that waits: the policy or the kill switch changed under it."""
        waiting: list[tuple[str, Settled]] = []
        for pending in self.approvals.waiting():
            waiting.extend((pending.id, settled) for settled in self.approvals.withdraw(_same(pending)))
        for pending_id in dict.fromkeys(pending_id for pending_id, _ in waiting):
            self.bus.publish(Released(pending_id, Outcome.WITHDRAWN))
        for _, settled in waiting:
            ticket, _decision = _held(settled)
            ticket.pending = None
            self._adjudicate(ticket, None)
        self._watch_deadline()

    def close(self) -> None:
        """Deny everything that waits: the daemon stops."""
        for pending in self.approvals.waiting():
            self._release(pending.id, self.approvals.withdraw(_same(pending)))

    # -- what everyone is told -------------------------------------------------------------------------------------

    def kill_switch_moved(self, by: str) -> None:
        """Tell watchers, and stop what waits."""
        self.bus.publish(KillSwitchChanged(self.engine.kill.state, by))
        if self.engine.kill.active:
            self.rejudge_held()

    def tunnel_closed(self, closed: TunnelClosed) -> None:
        """A tunnel ended."""
        self.stats.tunnel_closed(closed)
        self.bus.publish(closed)
        try:
            self._write_tunnel(closed, self._wall())
        except OSError as error:
            self._complain(error)

    def failed(self, action: Action, why: str) -> None:
        """An allowed action could not be carried out: nobody's refusal, so no decision, but a line."""
        self.bus.publish(Notice("warn", f"{action.method} {action.host}:{action.port}: {why}"))
        try:
            self._write_error(action, why, self._wall())
        except OSError as error:
            self._complain(error)

    def _finish(self, ticket: Ticket, decision: Decision) -> None:
        action = ticket.action
        record = self._record(ticket, decision)
        try:
            self._write(record)
        except OSError as error:
            self._complain(error)
            if self.engine.policy.mode == "strict" and decision.verdict is not Verdict.BLOCK:
                decision = refuse(
                    action,
                    self.engine.policy,
                    BlockReason.PATTERN_UNAVAILABLE,
                    "the audit log cannot be written, and mode strict lets nothing pass unrecorded",
                    layer="recorder",
                    status=503,
                )
                record = self._record(ticket, decision)
        self.engine.note(action, decision, Facts(self._clock.seconds(), record.at))
        self.stats.decided(record)
        self.bus.publish(Decided(record))
        then, ticket.then = ticket.then, None
        if then is not None:
            then(decision)

    def _record(self, ticket: Ticket, decision: Decision) -> Record:
        return Record(
            at=self._wall(),
            action=summarise(ticket.action, decision),
            decision=decision if decision.body is None else msgspec.structs.replace(decision, body=None),
            took_us=int((time.perf_counter() - ticket.began) * 1e6),
        )

    def _complain(self, error: OSError) -> None:
        now = self._clock.seconds()
        if now - self._complained_at >= _COMPLAINT_SECONDS:
            self._complained_at = now
            self._log.error("the audit log cannot be written: {error}", error=error)
            self.bus.publish(Notice("error", f"the audit log cannot be written: {error}"))


def _held(settled: Settled) -> tuple[Ticket, Decision]:
    token: tuple[Ticket, Decision] = settled.token  # type: ignore[assignment]  # it is what `_hold` gave
    return token


def _same(pending: Pending) -> Callable[[Pending], bool]:
    return lambda other: other.id == pending.id


def _allowed(decision: Decision, outcome: Outcome, *, note: str = "", held_ms: int = 0) -> Decision:
    verdict = Verdict.WARN if decision.findings else Verdict.ALLOW
    return msgspec.structs.replace(decision, verdict=verdict, outcome=outcome, note=note, held_ms=held_ms)


def _denied(decision: Decision, outcome: Outcome, reason: str, *, note: str = "", held_ms: int = 0) -> Decision:
    inbound = decision.layer in ("response_scan", "core_response")
    code = BlockReason.PROMPT_INJECTION if inbound else BlockReason.REQUEST_POLICY_DENY
    if outcome is Outcome.EXPIRED:
        code = BlockReason.TIMEOUT
    elif outcome is Outcome.QUEUE_FULL:
        code = BlockReason.RATE_LIMIT
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.BLOCK,
        code=code,
        status=403,
        reason=reason,
        outcome=outcome,
        note=note,
        held_ms=held_ms,
    )
