"""A session on a clock of its own: what was asked, judged and noted, in one line each."""

from __future__ import annotations

from typing import Any

import msgspec

from pipelock.engine import Facts, Policy, summarise
from pipelock.engine.sessions import Change, SessionPolicy, Sessions
from pipelock.engine.sessions.policy import Adaptive, AirlockSettings, Profiling
from pipelock.model import (
    Action,
    BlockReason,
    Decision,
    Evidence,
    Finding,
    Identity,
    Session,
    SessionActed,
    SessionVerb,
    Tier,
    Verdict,
)
from tests.factories import a_finding, a_policy, an_action

WALL = 1_700_000_000.0

EVERYTHING = SessionPolicy(profiling=Profiling(burst=1000), adaptive=Adaptive(), airlock=AirlockSettings())


class AWish(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator wishes."""

    key: str
    verb: SessionVerb
    tier: Tier = Tier.NONE
    label: str = ""
    reason: str = ""
    source_match: str = ""
    action_match: str = ""
    expires_at: float = 0.0
    by: str = "me"


def a_process(number: int = 7, **changes: Any) -> Action:
    """A request of a client whose process is known."""
    key = f"claude@{number}|127.0.0.1"
    identity = Identity(agent="claude", session=key, evidence=Evidence.PROCESS)
    return an_action(**{"identity": identity, "session": key, "agent": "claude", "client": "127.0.0.1", **changes})


def a_name(name: str, **changes: Any) -> Action:
    """A request of a client that only says who it is."""
    key = f"{name}|10.1.1.1"
    identity = Identity(agent=name, session=key, evidence=Evidence.HEADER)
    return an_action(**{"identity": identity, "session": key, "agent": name, **changes})


def blocked(*findings: Finding, **changes: Any) -> Decision:
    found = findings or (a_finding(),)
    base = Decision(
        action_id="t-1",
        verdict=Verdict.BLOCK,
        reason="no",
        layer=found[0].scanner,
        code=BlockReason.DLP_MATCH,
        status=403,
        findings=found,
    )
    return msgspec.structs.replace(base, **changes)


def warned(*findings: Finding, **changes: Any) -> Decision:
    return blocked(*findings, **{"verdict": Verdict.WARN, "code": None, "status": 0, **changes})


ALLOWED = Decision(action_id="t-1", verdict=Verdict.ALLOW)


class Scene:
    """Sessions under one policy. `now` moves only when it is told to."""

    def __init__(self, settings: SessionPolicy = EVERYTHING, *, enforce: bool = True, accounts: int = 4096) -> None:
        self.policy: Policy = a_policy(sessions=settings, enforce=enforce)
        self.sessions = Sessions(accounts)
        self.sessions.obey(self.policy)
        self.changes: list[Change] = []
        self.sessions.listener = self.changes.append
        self.now = 1000.0
        self._number = 0

    @property
    def facts(self) -> Facts:
        return Facts(now=self.now, wall=WALL + self.now)

    def gate(self, action: Action, *, again: bool = False) -> Decision | None:
        return self.sessions.gate(action, msgspec.structs.replace(self.facts, again=again), self.policy)

    def note(self, action: Action, decision: Decision) -> None:
        self.sessions.note(action, summarise(action, decision), decision, self.facts, self.policy)

    def happens(self, action: Action, decision: Decision, times: int = 1) -> None:
        """`action` comes `times` times, each under an id of its own, and is decided."""
        for _ in range(times):
            self._number += 1
            one = msgspec.structs.replace(action, id=f"n-{self._number}")
            self.note(one, self.gate(one) or decision)

    def upgraded(self, action: Action, decision: Decision) -> Decision:
        return self.sessions.upgrade(action, decision, self.policy)

    def passes(self, seconds: float) -> None:
        """Time goes by, and the sweep comes."""
        self.now += seconds
        self.sessions.recover(self.facts)

    def session(self, key: str) -> Session:
        found = self.sessions.one(key)
        assert found is not None
        return found

    def act(self, key: str, verb: SessionVerb, **more: Any) -> SessionActed:
        acted = self.sessions.act(AWish(key=key, verb=verb, **more), self.facts)
        assert acted is not None
        return acted

    def told(self, *fields: str) -> list[tuple[object, ...]]:
        return [(change.what.value, *(getattr(change, name) for name in fields)) for change in self.changes]
