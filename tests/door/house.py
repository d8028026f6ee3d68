"""A door with everything it needs, on a clock that tests turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.door.bus import EventBus
from pipelock.door.door import Door, DoorParts, Ticket
from pipelock.door.resolver import Resolver
from pipelock.door.stats import Stats
from pipelock.engine import ApprovalLimits, Approvals, Engine, KillSwitch, Policy
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import Action, Answer, AnswerWord, Decision, Lifetime, Outcome, Record, Verdict
from tests.factories import a_policy, an_action

EPOCH = 1_700_000_000.0
ONCE, DENY = (Answer(word, by="ann") for word in (AnswerWord.ALLOW, AnswerWord.DENY))
SESSION = replace(ONCE, lifetime=Lifetime.SESSION)
ASK_POSTS = EgressRules(
    [EgressRule(name="posts", action=Verdict.ASK, methods=frozenset({"POST"}))], default=Verdict.ALLOW
)


class House:
    """A door with everything it needs, none of it real. Names resolve at once unless `slow_names`."""

    def __init__(self, policy: Policy | None = None, *, limits: ApprovalLimits | None = None) -> None:
        self.clock = Clock()
        self.wall_is_ahead = 0.0
        self.kill = KillSwitch()
        self.engine = Engine(policy or a_policy(egress=ASK_POSTS), self.kill)
        self.bus = EventBus(lambda: EPOCH, 1000)
        self.stats = Stats("0")
        self.approvals = Approvals(b"k" * 32, limits)
        self.records: list[Record] = []
        self.lines: list[str] = []
        self.write_error: Exception | None = None
        self.slow_names = False
        self.names: list[Callable[[], None]] = []
        self.threads: list[Callable[[], None]] = []
        self.door = Door(
            DoorParts(
                engine=self.engine,
                approvals=self.approvals,
                bus=self.bus,
                resolver=Resolver(self.clock, self._look_up, lambda _host: ("93.184.215.14",)),
                stats=self.stats,
                write=self._write,
                write_tunnel=lambda closed, _at: self._line(f"tunnel {closed.action_id}"),
                write_error=lambda action, why, _at: self._line(f"error {action.id} {why}"),
                clock=self.clock,
                wall=self.wall,
                inspect=self._inspect,
            )
        )
        self.door.dashboards = 1

    def wall(self) -> float:
        return EPOCH + self.wall_is_ahead + self.clock.seconds()

    def _look_up(self, call: Any, then: Any) -> None:
        self.names.append(lambda: then(call()))
        if not self.slow_names:
            self.names.pop()()

    def _inspect(self, call: Any, then: Any) -> None:
        def run() -> None:
            try:
                result = call()
            except RuntimeError:
                result = Failure()
            then(result)

        self.threads.append(run)

    def _write(self, record: Record) -> None:
        if self.write_error is not None:
            raise self.write_error
        self.records.append(record)

    def _line(self, line: str) -> None:
        if self.write_error is not None:
            raise self.write_error
        self.lines.append(line)

    def judge(self, action: Action | None = None, **changes: Any) -> tuple[Ticket, list[Decision]]:
        answers: list[Decision] = []
        return self.door.judge(action or an_action(**changes), answers.append), answers

    def post(self, **changes: Any) -> tuple[Ticket, list[Decision]]:
        return self.judge(**{"method": "POST", "body": b"x", **changes})

    def events(self, *kinds: type) -> list[Any]:
        return [event.payload for event in self.bus.latest(1000) if isinstance(event.payload, kinds)]

    def pending(self) -> str:
        (pending,) = self.approvals.waiting()
        return pending.id

    def outcomes(self) -> list[Outcome | None]:
        return [record.decision.outcome for record in self.records]

    def reload(self, **changes: Any) -> None:
        self.engine.replace_policy(replace(self.engine.policy, **changes))
        self.door.rejudge_held()


def settled(answers: list[Decision]) -> Decision:
    (decision,) = answers
    return decision
