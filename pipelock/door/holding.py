"""What waits for a person, between the decision that asks and the one that is enforced.

ask ─▶ an earlier answer covers it? ─▶ held ─▶ a person, the deadline, the client's departure or something
stronger ends it ─▶ concluded; what the person changed is judged again first
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from pipelock.door._outcome import changed, concluded, covered, denied
from pipelock.door.bus import EventBus
from pipelock.door.edges import Call, Clock
from pipelock.engine import (
    Answered,
    ApprovalRefused,
    Approvals,
    Engine,
    PromptRate,
    Settled,
    is_same_question,
    redacted_body,
    summarise,
    text_of,
)
from pipelock.engine.sessions import account_of
from pipelock.model import (
    MAX_NOTE,
    Action,
    ActionSummary,
    Answer,
    AnswerWord,
    Decision,
    GrantsChanged,
    Held,
    Notice,
    Outcome,
    Released,
    Verdict,
    escape,
)

__all__ = ["Holding", "Then", "Ticket"]

Then = Callable[[Decision], None]


class Keeper(Protocol):
    """What a ticket needs of the door."""

    def abandoned(self, ticket: Ticket) -> None:
        """Its client is gone."""


class Revision(msgspec.Struct, frozen=True):
    """What a person changed before it goes on: it is judged again, and this is what it was before."""

    decision: Decision
    settled: Settled
    held_ms: int


class Ticket:
    """One action under judgement. A transport whose client leaves calls `abandon`."""

    __slots__ = ("_door", "action", "began", "counted", "held_at", "leased", "pending", "revision", "then")

    def __init__(self, door: Keeper, action: Action, then: Then) -> None:
        self._door = door
        self.action = action
        self.then: Then | None = then
        self.began = time.perf_counter()
        self.pending: tuple[str, int] | None = None
        self.held_at: float | None = None
        self.leased = 0.0
        self.counted = False
        self.revision: Revision | None = None

    def abandon(self) -> None:
        """The client is gone: `then` will not be called any more. Harmless after the decision."""
        if self.then is not None:
            self.then = None
            self._door.abandoned(self)


class HoldingParts(msgspec.Struct, frozen=True):
    """What it is made of.

    `judge` judges a ticket anew, `finish` ends one with a decision, `summarise` says what of an action is shown.
    """

    engine: Engine
    approvals: Approvals
    bus: EventBus
    clock: Clock
    wall: Callable[[], float]
    judge: Callable[[Ticket], None]
    finish: Callable[[Ticket, Decision], None]
    summarise: Callable[[Action, Decision], ActionSummary] = summarise


class Holding:
    """Keeps tickets until somebody answers. `dashboards` counts those who are there to do so."""

    def __init__(self, parts: HoldingParts) -> None:
        self.dashboards = 0
        self._engine = parts.engine
        self._approvals = parts.approvals
        self._bus = parts.bus
        self._clock = parts.clock
        self._summarise = parts.summarise
        self._wall = parts.wall
        self._judge = parts.judge
        self._finish = parts.finish
        self._prompts = PromptRate()
        self._deadline: Call | None = None
        # When it is, by the clock. It may be too early, where what it was for has gone; never too late.
        self._looks_at = 0.0
        self._wall_ahead = parts.wall() - parts.clock.seconds()
        self._closing = False

    # -- coming in -------------------------------------------------------------------------------------------------

    def ask(self, ticket: Ticket, decision: Decision) -> None:
        """A person is to decide: have it decided by what they answered before, or hold it."""
        if ticket.then is None:
            self._finish(ticket, denied(decision, Outcome.ABANDONED, "the client went away before anyone was asked"))
            return
        grant = self._approvals.covering(ticket.action, decision, self._wall(), self._clock.seconds())
        if grant is not None:
            self._finish(ticket, covered(decision, grant))
        elif self._closing:
            self._finish(ticket, denied(decision, Outcome.WITHDRAWN, f"{decision.reason}; the daemon is stopping"))
        else:
            self._hold(ticket, decision)

    def revised(self, ticket: Ticket, revision: Revision, decision: Decision) -> None:
        """What a person changed has been judged: enforce that, unless it raises a question of its own."""
        ticket.revision = None
        if decision.verdict is not Verdict.ASK or is_same_question(revision.decision, decision):
            body = ticket.action.body if decision.body is None else decision.body
            self._finish(ticket, changed(decision, revision.settled, revision.held_ms, body, ticket.action.comes_in))
        elif revision.settled.answer is not None and revision.settled.answer.word is AnswerWord.EDIT:
            # A new question, with all the time that a question has.
            ticket.held_at, ticket.leased = None, 0.0
            self.ask(ticket, decision)
        else:
            reason = f"{decision.reason}; it was to be sent without that, and what is left still holds it"
            by = revision.settled.answer.by if revision.settled.answer is not None else ""
            self._finish(ticket, denied(decision, Outcome.REDACTED, reason, by=by, held_ms=revision.held_ms))

    def _hold(self, ticket: Ticket, decision: Decision) -> None:
        waited = ticket.held_at is not None
        if not waited and not len(self._approvals):
            self._wall_ahead = self._wall() - self._clock.seconds()
        now = self._now()
        held = self._approvals.hold(
            ticket.action,
            self._summarise(ticket.action, decision),
            decision,
            (ticket, decision),
            now,
            attended=self.dashboards > 0 or waited,
            since=ticket.held_at,
            leased=ticket.leased,
        )
        if isinstance(held, ApprovalRefused):
            self._finish(ticket, denied(decision, held.outcome, f"{decision.reason}; {held.reason}"))
            if held.outcome is Outcome.QUEUE_FULL and self._prompts.refused(account_of(ticket.action), now):
                self._tell_of_flood(ticket.action, held.reason)
            return
        pending, member = held
        ticket.pending = (pending.id, member)
        ticket.counted = True
        if not waited:
            ticket.held_at = now
        self._engine.sessions.meet(ticket.action, pending.action, self._wall())
        self._bus.publish(Held(pending))
        if pending.twins == 1 and not waited and self._prompts.asked(account_of(ticket.action), now):
            self._tell_of_flood(ticket.action, "it asks more than 10 times a minute; nothing passes unanswered")
        self._watch(pending.expires_at)

    def _tell_of_flood(self, action: Action, what: str) -> None:
        who = escape(action.agent or action.client or "an unnamed client", 80)
        self._bus.publish(Notice("warn", f"many prompts from {who}: {what}"))

    def _now(self) -> float:
        """The time by which held actions expire: the wall clock's, as long as nobody sets that.

        While something waits, it goes on evenly: a wall clock that is set would let what waits expire at once, or not
        for hours.
        """
        return self._clock.seconds() + self._wall_ahead

    # -- answers ---------------------------------------------------------------------------------------------------

    def answer(self, pending_id: str, answer: Answer, binding: str) -> Answered:
        """Settle what waits under `pending_id`, and what else the answer covers, as a person said.

        Raises:
            StaleAnswerError: nothing waits there, or not what the person saw.
            BadAnswerError: this was not offered, or can't be kept; nothing is settled.
        """
        self._catch_up()
        answer = msgspec.structs.replace(answer, note=answer.note[:MAX_NOTE])
        answered = self._approvals.answer(pending_id, answer, binding, self._wall(), self._clock.seconds())
        if answered.grant is not None:
            self._bus.publish(GrantsChanged(answered.grant.words, answer.by))
        for one, settled in answered.groups:
            self._release(one, settled)
        return answered

    def look_at(self, pending_id: str) -> None:
        """Somebody looks at it: its countdown stands still for a while.

        Raises:
            StaleAnswerError: nothing waits there.
        """
        self._expire()
        self._bus.publish(Held(self._approvals.look_at(pending_id, self._now())))
        self._watch(self._approvals.next_change())

    def body(self, pending_id: str, binding: str) -> tuple[bytes, str] | None:
        """The text that waits under `pending_id`, unmasked, and its media type; `None` where it is none.

        Raises:
            StaleAnswerError: nothing waits there, or not what the person saw.
        """
        self._catch_up()
        self._approvals.check(pending_id, binding)
        ticket, decision = _held(self._approvals.tokens(pending_id)[0])
        text = text_of(ticket.action, decision)
        return None if text is None else (text, ticket.action.content_type)

    def _catch_up(self) -> None:
        # Neither the deadline's timer nor the look at the sentinel file is as quick as a person can be.
        self._expire()
        if self._engine.kill.active:
            self.rejudge()

    # -- ends ------------------------------------------------------------------------------------------------------

    def abandoned(self, ticket: Ticket) -> None:
        """A ticket's client is gone."""
        if ticket.pending is None:
            return  # still being judged; its decision will be recorded when it is made
        pending_id, member = ticket.pending
        settled, rest = self._approvals.abandon(pending_id, member)
        if settled is None:
            return
        self._bus.publish(Held(rest) if rest is not None else Released(pending_id, Outcome.ABANDONED))
        self._conclude(settled)
        self._rest()

    def rejudge(self) -> None:
        """Judge again what waits under another policy than that in force, and what kill switch or session stop.

        What a person is still to be asked about waits on under a new id; its deadline stays where it was. Grants of
        exact payloads end with the policy under which they were given.
        """
        ended = self._approvals.grants.under(self._engine.policy.hash)
        if ended:
            self._bus.publish(GrantsChanged(f"the policy changed: {ended} answers to exact payloads no longer hold"))
        moved: list[Settled] = []
        for pending_id in self._approvals.ids():
            if not self._is_overtaken(pending_id):
                continue
            leased = self._approvals.leased(pending_id)
            for settled in self._approvals.withdraw(pending_id):
                _held(settled.token)[0].leased = leased
                moved.append(settled)
            self._bus.publish(Released(pending_id, Outcome.WITHDRAWN))
        for settled in moved:
            ticket, _ = _held(settled.token)
            ticket.pending = None
        for settled in moved:
            self._judge(_held(settled.token)[0])
        self._rest()

    def _is_overtaken(self, pending_id: str) -> bool:
        held = map(_held, self._approvals.tokens(pending_id))
        policy, kill, wall = self._engine.policy.hash, self._engine.kill, self._wall()
        return any(
            decision.policy != policy
            or kill.applies_to(ticket.action.client, ticket.action.session)
            or self._engine.overtakes(ticket.action, decision, wall)
            for ticket, decision in held
        )

    def close(self) -> None:
        """Deny everything that waits, and from now on everything that would: the daemon stops."""
        self._closing = True
        for pending_id in self._approvals.ids():
            self._release(pending_id, self._approvals.withdraw(pending_id))

    def _watch(self, change: float | None) -> None:
        """Look after what waits at `change`, or earlier; `None` and 0 are never."""
        if not change:
            return
        looks_at = change - self._wall_ahead
        if self._deadline is not None and self._deadline.active():
            if self._looks_at <= looks_at:
                return
            self._deadline.cancel()
        self._looks_at = looks_at
        self._deadline = self._clock.callLater(max(0.0, looks_at - self._clock.seconds()), self._look)

    def _rest(self) -> None:
        """Look no more while nothing waits."""
        if not len(self._approvals) and self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def _look(self) -> None:
        self._expire()
        self._watch(self._approvals.next_change())

    def _expire(self) -> None:
        by_id: dict[str, list[Settled]] = {}
        for settled in self._approvals.expire(self._now()):
            ticket, _ = _held(settled.token)
            by_id.setdefault(ticket.pending[0] if ticket.pending else "", []).append(settled)
        for pending_id, group in by_id.items():
            self._release(pending_id, tuple(group))
        for pending in self._approvals.unpaused(self._now()):
            self._bus.publish(Held(pending))

    def _release(self, pending_id: str, settled: tuple[Settled, ...]) -> None:
        if not settled:
            return
        answer = settled[0].answer
        self._bus.publish(Released(pending_id, settled[0].outcome, answer.by if answer else ""))
        for one in settled:
            self._conclude(one)
        self._rest()

    def _conclude(self, settled: Settled) -> None:
        ticket, decision = _held(settled.token)
        ticket.pending = None
        now = self._now()
        since = now if ticket.held_at is None else ticket.held_at
        held_ms = max(0, int((now - since) * 1000))
        if settled.outcome is Outcome.REDACTED and settled.answer is not None:
            self._revise(ticket, decision, settled, settled.answer, held_ms)
        else:
            self._finish(ticket, concluded(decision, settled, held_ms))

    def _revise(self, ticket: Ticket, decision: Decision, settled: Settled, answer: Answer, held_ms: int) -> None:
        body = answer.body if answer.word is AnswerWord.EDIT else redacted_body(ticket.action, decision)
        if body is None:
            reason = f"{decision.reason}; it was to be sent without that, and it could not be taken out"
            self._finish(ticket, denied(decision, Outcome.REDACTED, reason, by=answer.by, held_ms=held_ms))
            return
        ticket.revision = Revision(decision, settled, held_ms)
        ticket.action = msgspec.structs.replace(ticket.action, body=body, size=len(body))
        self._judge(ticket)


def _held(token: object) -> tuple[Ticket, Decision]:
    pair: tuple[Ticket, Decision] = token  # type: ignore[assignment]  # it is what `_hold` gave
    return pair
