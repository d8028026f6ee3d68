"""A door and a sink for bodies that are judged while they pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock

from pipelock.engine import Engine, KillSwitch, Policy
from pipelock.engine.facts import Answers, Facts, Lookup
from pipelock.model import Action, Decision
from pipelock.proxy.bodies.window import WindowStream
from pipelock.proxy.limits import Budget
from tests.factories import a_policy


class Held:
    """A ticket."""

    def __init__(self, action: Action, then: Callable[[Decision], None]) -> None:
        self.action = action
        self.then: Callable[[Decision], None] | None = then
        self.is_abandoned = False

    def abandon(self) -> None:
        self.is_abandoned = self.then is not None
        self.then = None


class EngineDoor:
    """Judges with an engine; at once, or where it is `slow` when `decide` is called."""

    def __init__(self, policy: Policy | None = None, *, slow: bool = False) -> None:
        self.engine = Engine(policy or a_policy(), KillSwitch())
        self.slow = slow
        self.judged: list[Action] = []
        self.waiting: list[Held] = []
        self.most_open = 0
        self.decisions: list[Decision] = []

    def judge(self, action: Action, then: Callable[[Decision], None]) -> Held:
        self.judged.append(action)
        held = Held(action, then)
        self.waiting.append(held)
        self.most_open = max(self.most_open, sum(one.then is not None for one in self.waiting))
        if not self.slow or action.fault is not None:
            self.decide()
        return held

    def decide(self) -> None:
        """Decide on everything that waits."""
        waiting, self.waiting = self.waiting, []
        for held in waiting:
            decision = self._decision(held.action)
            self.decisions.append(decision)
            then, held.then = held.then, None
            if then is not None:
                then(decision)

    def _decision(self, action: Action) -> Decision:
        facts = Facts(0.0, 0.0)
        outcome = self.engine.adjudicate(action, facts)
        if isinstance(outcome, Lookup):
            return outcome.resume(Answers(addresses=("93.184.215.14",)), facts)
        return outcome


class Sink:
    """Notes what it gets."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.passed = b""
        self.pieces: list[bytes] = []
        self.refusal: tuple[Action, Decision] | None = None
        self.decision: Decision | None = None
        self.on_passed: Callable[[], None] = lambda: None

    def body_judged(self, decision: Decision) -> None:
        self.events.append("judged")
        self.decision = decision

    def body_passed(self, data: bytes) -> None:
        assert data
        assert "judged" in self.events
        assert "done" not in self.events
        assert "refused" not in self.events
        self.passed += data
        self.pieces.append(data)
        self.on_passed()

    def body_done(self) -> None:
        self.events.append("done")

    def body_refused(self, action: Action, decision: Decision) -> None:
        assert "refused" not in self.events
        self.events.append("refused")
        self.refusal = (action, decision)

    def body_ended(self, ending: bytes, action: Action, decision: Decision) -> None:
        raise AssertionError("only streams of events end so")

    def body_hold(self) -> None:
        self.events.append("hold")

    def body_more(self) -> None:
        self.events.append("more")


class Stream:
    """A `WindowStream` with everything around it."""

    def __init__(self, action: Action, policy: Policy | None = None, *, slow: bool = False, **options: Any) -> None:
        self.clock = Clock()
        self.budget = Budget(options.pop("budget", 1 << 30))
        self.door = EngineDoor(policy, slow=slow)
        self.sink = Sink()
        door: Any = self.door
        self.stream = WindowStream(door, self.clock, self.budget, action, self.sink, **options)
        self.most_held = 0

    def feed(self, data: bytes, size: int = 0) -> Stream:
        """Feed `data`, in pieces of `size`; and let everybody have a turn."""
        for start in range(0, len(data), size or len(data) or 1):
            self.stream.feed(data[start : start + (size or len(data))])
            self.most_held = max(self.most_held, self.stream.held, self.budget.used)
            self.clock.advance(0)
        return self

    def finish(self) -> Sink:
        self.stream.finish()
        for _ in range(1000):
            if not self.clock.getDelayedCalls():
                break
            self.clock.advance(0)
        return self.sink

    @property
    def reason(self) -> str:
        assert self.sink.refusal is not None
        return self.sink.refusal[1].reason
