from __future__ import annotations

import msgspec
import pytest

from pipelock.model import (
    ConfigReloaded,
    Decided,
    Decision,
    Event,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Notice,
    Outcome,
    Payload,
    Pending,
    Released,
    TunnelClosed,
    Verdict,
)
from tests.factories import a_finding, a_record, a_summary

PAYLOADS: list[Payload] = [
    Decided(a_record(decision=Decision(action_id="t-1", verdict=Verdict.BLOCK, findings=(a_finding(),), hard=True))),
    Held(Pending(id="1", group="g", action=a_summary(preview="x"), reason="why", held_at=1.0, expires_at=2.0)),
    Released("1", Outcome.DENIED, "ann"),
    KillSwitchChanged(KillSwitchState(active=True, sources={"api": True}), "api"),
    ConfigReloaded(ok=False, detail="line 3", weaker=("dlp",)),
    TunnelClosed("t-1", "h:443", 1, 2, 3, "idle"),
    Notice("warn", "text"),
]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: type(payload).__name__)
def test_what_travels_arrives_as_it_was(payload: Payload) -> None:
    event = Event(7, 12.5, payload)
    assert msgspec.json.decode(msgspec.json.encode(event), type=Event) == event


def test_there_is_one_of_each_kind() -> None:
    assert {type(payload) for payload in PAYLOADS} == set(Payload.__args__)
