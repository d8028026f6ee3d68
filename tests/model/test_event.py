from __future__ import annotations

import msgspec
import pytest

from pipelock.model import (
    BudgetUse,
    ConfigReloaded,
    Contained,
    ContainmentChanged,
    ContainmentStep,
    Decided,
    Decision,
    Denial,
    Event,
    Evidence,
    GrantsChanged,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Lamp,
    Lamps,
    Level,
    Notice,
    Outcome,
    Payload,
    Pending,
    Process,
    Released,
    Session,
    SessionChanged,
    TaintLevel,
    Tier,
    TunnelClosed,
    Verdict,
    Wall,
    WallName,
    WallRefused,
    WallState,
)
from tests.factories import a_finding, a_record, a_summary

PAYLOADS: list[Payload] = [
    Decided(a_record(decision=Decision(action_id="t-1", verdict=Verdict.BLOCK, findings=(a_finding(),), hard=True))),
    Held(Pending(id="1", group="g", action=a_summary(preview="x"), reason="why", held_at=1.0, expires_at=2.0)),
    Released("1", Outcome.DENIED, "ann"),
    KillSwitchChanged(KillSwitchState(active=True, sources={"api": True}), "api"),
    ConfigReloaded(ok=False, detail="line 3", weaker=("dlp",)),
    TunnelClosed("t-1", "h:443", 1, 2, 3, "idle"),
    SessionChanged(
        Session(
            key="claude@7|127.0.0.1",
            agent="claude",
            client="127.0.0.1",
            started_at=1.0,
            last_seen_at=2.0,
            evidence=Evidence.PROCESS,
            processes=(Process(7, 70, "claude", "claude --continue"),),
            level=Level.HIGH,
            tier=Tier.SOFT,
            taint=TaintLevel.UNTRUSTED,
            lamps=Lamps(untrusted=Lamp(lit=True, at=1.5, what="a page from example.com")),
            budgets=(BudgetUse("requests", 3, 10),),
        ),
        "escalation",
        "three refusals in a row",
    ),
    GrantsChanged("one answer was taken back", "dashboard (pid 9)"),
    ContainmentChanged(
        "claude@sandbox-0123456789ab|127.0.0.1",
        Contained(
            id="0123456789ab",
            agent="claude",
            walls=(Wall(WallName.FILES, WallState.UP, "48 paths"),),
            pid=7,
            started_at=1.0,
        ),
        ContainmentStep.STARTED,
        "launched",
    ),
    WallRefused("claude@sandbox-0123456789ab|127.0.0.1", "claude", Denial(WallName.FILES, "read /x", "not granted"), 3),
    Notice("warn", "text"),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: type(payload).__name__)
def test_what_travels_arrives_as_it_was(payload: Payload) -> None:
    event = Event(7, 12.5, payload)
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


def test_there_is_one_of_each_kind() -> None:
    assert {type(payload) for payload in PAYLOADS} == set(Payload.__args__)
