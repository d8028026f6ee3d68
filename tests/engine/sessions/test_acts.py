"""What a person does to a session, and what that leaves."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.engine.sessions import NoTaints, SessionPolicy
from pipelock.engine.sessions.policy import Budget, Profiling
from pipelock.model import Direction, Kind, Level, Outcome, SessionVerb, TaintLevel, Tier
from tests.engine.sessions.scene import ALLOWED, AWish, Scene, a_name, a_process, blocked

CLAUDE = "claude@7|127.0.0.1"


class SomeTaints(NoTaints):
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def level(self, key: str) -> TaintLevel:
        return TaintLevel.TRUSTED if self.asked else TaintLevel.UNTRUSTED

    def task(self, key: str) -> tuple[str, str]:
        return ("t2", "second") if self.asked else ("t1", "first")

    def begin_task(self, key: str, label: str, by: str, wall: float) -> int:
        self.asked.append((key, label, by, wall))
        return 3

    def trust(self, key: str, **more: Any) -> None:
        if not more["source_match"]:
            raise ValueError("a source is needed")
        self.asked.append((key, more))


def troubled() -> Scene:
    """A session at level critical and tier hard."""
    scene = Scene()
    scene.happens(a_process(), blocked(), times=7)
    assert scene.session(CLAUDE).level is Level.CRITICAL
    return scene


@pytest.mark.parametrize("verb", list(SessionVerb))
def test_nobody_knows_that_session(verb: SessionVerb) -> None:
    scene = Scene()
    assert scene.sessions.act(AWish(key="nobody", verb=verb), scene.facts) is None


def test_a_reset_forgets_all_that_is_held_against_it() -> None:
    scene = troubled()
    forgotten: list[str] = []
    scene.sessions.forget_pieces = lambda client: forgotten.append(client) is None
    acted = scene.act(CLAUDE, SessionVerb.RESET)
    assert (acted.previous_level, acted.previous_score, acted.previous_tier) == (Level.CRITICAL, 21.0, Tier.HARD)
    assert (acted.cee_state_cleared, acted.ip_state_cleared, acted.ended) == (True, False, 0)
    assert forgotten == ["127.0.0.1"]
    session = scene.session(CLAUDE)
    assert (session.level, session.score, session.tier, session.ended) == (Level.NORMAL, 0.0, Tier.NONE, False)
    assert scene.gate(a_process(method="POST")) is None
    detail = scene.sessions.inspect(CLAUDE, scene.facts)
    assert detail is not None
    assert [(note.kind, note.type) for note in detail.notes][-1] == ("operator", "reset")
    assert not any(note.kind == "signal" for note in detail.notes)


def test_names_of_one_address_are_reset_together_and_it_is_said() -> None:
    scene = Scene()
    scene.happens(a_name("ann"), blocked(), times=4)
    scene.happens(a_name("bob"), ALLOWED)
    assert scene.act("bob|10.1.1.1", SessionVerb.RESET).ip_state_cleared
    assert scene.session("ann|10.1.1.1").level is Level.NORMAL


def test_a_reset_begins_the_budget_anew() -> None:
    scene = Scene(SessionPolicy(budgets={"_default": Budget(requests=1)}))
    scene.happens(a_process(), ALLOWED, times=2)
    assert scene.gate(a_process()) is not None
    scene.act(CLAUDE, SessionVerb.RESET)
    assert scene.gate(a_process()) is None


def test_what_is_ended_ends_and_what_comes_then_starts_afresh() -> None:
    scene = troubled()
    scene.sessions.ended = lambda key: 3 if key == CLAUDE else 0
    acted = scene.act(CLAUDE, SessionVerb.TERMINATE, reason="it was enough")
    assert (acted.ended, acted.previous_level) == (3, Level.CRITICAL)
    session = scene.session(CLAUDE)
    assert (session.ended, session.level, session.requests) == (True, Level.NORMAL, 7)
    scene.now += 10
    # What was under way then, and comes to its end now.
    scene.happens(a_process(), blocked(outcome=Outcome.ABANDONED))
    scene.happens(a_process(kind=Kind.RESPONSE, direction=Direction.INBOUND), ALLOWED)
    assert scene.session(CLAUDE).ended
    scene.happens(a_process(), ALLOWED)
    session = scene.session(CLAUDE)
    assert (session.ended, session.requests, session.started_at) == (False, 1, 1_700_001_010.0)


@pytest.mark.parametrize("settings", [SessionPolicy(), SessionPolicy(profiling=Profiling())])
def test_a_person_closes_a_session_in_whatever_is_switched_on(settings: SessionPolicy) -> None:
    scene = Scene(settings, enforce=False)
    scene.happens(a_process(), ALLOWED)
    acted = scene.act(CLAUDE, SessionVerb.AIRLOCK, tier=Tier.HARD, reason="odd")
    assert (acted.changed, acted.previous_tier, acted.new_tier) == (True, Tier.NONE, Tier.HARD)
    assert scene.gate(a_process()) is None
    assert scene.gate(a_process(method="POST")) is not None
    scene.passes(100_000)
    session = scene.session(CLAUDE)
    assert (session.tier, session.tier_until, session.tier_why) == (Tier.HARD, 0.0, "odd")
    released = scene.act(CLAUDE, SessionVerb.AIRLOCK, tier=Tier.SOFT)
    assert (released.previous_tier, released.new_tier) == (Tier.HARD, Tier.SOFT)
    assert scene.gate(a_process(method="POST")) is None
    assert not scene.act(CLAUDE, SessionVerb.AIRLOCK, tier=Tier.SOFT).changed


def test_hard_by_hand_ends_what_nobody_reads() -> None:
    scene = Scene()
    scene.sessions.closed_in = lambda _key: 4
    scene.happens(a_process(), ALLOWED)
    assert scene.act(CLAUDE, SessionVerb.AIRLOCK, tier=Tier.HARD).ended == 4


def test_a_new_task_forgets_what_was_read() -> None:
    scene = Scene()
    taints = scene.sessions.taints = SomeTaints()
    scene.happens(a_process(), ALLOWED)
    acted = scene.act(CLAUDE, SessionVerb.TASK, label="second", by="op")
    assert (acted.previous_task_id, acted.current_task_id, acted.current_task_label) == ("t1", "t2", "second")
    assert (acted.taint_cleared, acted.runtime_overrides_cleared) == (True, 3)
    assert taints.asked == [(CLAUDE, "second", "op", 1_700_001_000.0)]
    assert scene.session(CLAUDE).task == "second"


def test_an_override_or_what_is_wrong_with_it() -> None:
    scene = Scene()
    scene.sessions.taints = SomeTaints()
    scene.happens(a_process(), ALLOWED)
    assert scene.act(CLAUDE, SessionVerb.TRUST, source_match="*", expires_at=2e9).current_task_id == "t2"
    with pytest.raises(ValueError, match="a source is needed"):
        scene.act(CLAUDE, SessionVerb.TRUST)
    scene.sessions.taints = NoTaints()
    with pytest.raises(ValueError, match="taint is not followed"):
        scene.act(CLAUDE, SessionVerb.TRUST, source_match="*")


def test_the_text_of_a_reason_is_kept_within_bounds() -> None:
    scene = Scene()
    scene.happens(a_process(), ALLOWED)
    scene.act(CLAUDE, SessionVerb.AIRLOCK, tier=Tier.SOFT, reason="x" * 10_000)
    detail = scene.sessions.inspect(CLAUDE, scene.facts)
    assert detail is not None
    assert max(len(note.detail) for note in detail.notes) <= 300
    assert len(detail.session.tier_why) <= 200
