from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from pipelock.door.session_stats import SessionStats
from pipelock.engine.sessions import Change, What


def exposed(*changes: Change) -> list[str]:
    registry = CollectorRegistry()
    stats = SessionStats(registry)
    for change in changes:
        stats.changed(change)
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#") and "_created" not in line]


def a_change(what: What, **more: object) -> Change:
    return Change(what=what, session="a", **more)  # type: ignore[arg-type]


COUNTED = [
    (a_change(What.ANOMALY, after="strip"), 'session_anomalies_total{type="strip"} 1.0'),
    (
        a_change(What.ESCALATION, before="normal", after="elevated"),
        'session_escalations_total{from="normal",to="elevated"} 1.0',
    ),
    (
        a_change(What.RECOVERY, before="high", after="elevated"),
        'session_auto_deescalation_total{from="high",to="elevated"} 1.0',
    ),
    (
        a_change(What.UPGRADE, before="warn", after="block", level="high"),
        'adaptive_upgrades_total{from_action="warn",level="high",to_action="block"} 1.0',
    ),
    (
        a_change(What.AIRLOCK, before="none", after="hard", trigger="level"),
        'airlock_transitions_total{from="none",to="hard",trigger="level"} 1.0',
    ),
    (
        a_change(What.AIRLOCK_ENDED, before="hard", after="soft", trigger="timer"),
        'airlock_transitions_total{from="hard",to="soft",trigger="timer"} 1.0',
    ),
    (
        a_change(What.DENIED, before="hard", transport="fetch", action_class="read"),
        'airlock_denials_total{action_class="read",tier="hard",transport="fetch"} 1.0',
    ),
    (a_change(What.DRAINED, after="timeout"), "airlock_drain_timeout_total 1.0"),
    (a_change(What.DRAINED, after="completed"), "airlock_drain_completed_total 1.0"),
    (a_change(What.EVICTED, count=3), "sessions_evicted_total 3.0"),
]


@pytest.mark.parametrize(("change", "line"), COUNTED, ids=[change.what.value + change.after for change, _ in COUNTED])
def test_each_change_counts_under_its_published_name(change: Change, line: str) -> None:
    assert f"pipelock_{line}" in exposed(change)


def test_what_others_count_is_not_counted_here() -> None:
    assert exposed(a_change(What.BUDGET), a_change(What.TAINT)) == exposed()


def test_sessions_by_level_and_tier_are_those_of_now() -> None:
    registry = CollectorRegistry()
    stats = SessionStats(registry)
    stats.counts = lambda: ({"normal": 3, "high": 1}, {"none": 4})
    assert "pipelock_sandboxes_active 0.0" in generate_latest(registry).decode()
    stats.sandboxes = lambda: 2
    text = generate_latest(registry).decode()
    assert "pipelock_sessions_active 4.0" in text
    assert "pipelock_sandboxes_active 2.0" in text
    assert 'pipelock_adaptive_sessions_current{level="high"} 1.0' in text
    assert 'pipelock_airlock_sessions{tier="none"} 4.0' in text


def test_the_top_of_the_anomalies() -> None:
    stats = SessionStats(CollectorRegistry())
    for name in ("strip", "hard_block", "strip"):
        stats.changed(a_change(What.ANOMALY, after=name))
    assert (stats.anomalies, stats.top_anomalies(1)) == (3, (("strip", 2),))
