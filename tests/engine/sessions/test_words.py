from __future__ import annotations

import pytest

from pipelock.engine.sessions.words import duration, what_next, why
from pipelock.model import BudgetUse, Level, Session, SessionNote, Tier


def a_session(**changes: object) -> Session:
    return Session(key="a", agent="a", client="", started_at=0.0, last_seen_at=0.0, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5.0, "1 s"), (0.4, "1 s"), (89.0, "89 s"), (120.0, "2 min"), (3600.0, "60 min"), (36_000.0, "10 h")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_nothing_to_say() -> None:
    assert why(a_session(), ()) == "nothing is held against this session"
    assert why(a_session(score=2.5, threshold=5.0), ()) == "nothing is held against this session; 2.5 of 5 points"
    assert what_next(a_session(), 0.0) == "nothing happens by itself"


def test_a_level_and_what_counted_last() -> None:
    session = a_session(level=Level.HIGH, score=12.0, threshold=20.0, recovers_at=400.0)
    notes = (
        SessionNote(1.0, "signal", "hard_block", "evil.example", "a credential"),
        SessionNote(2.0, "escalation", "high"),
    )
    assert why(session, notes) == "level high (12 points), last for hard block at evil.example: a credential"
    assert what_next(session, 160.0) == (
        "the level drops by one in 4 min if no threat is refused before; `pipelock session reset` ends it at once"
    )


def test_a_tier_by_timer_and_by_hand() -> None:
    session = a_session(tier=Tier.HARD, tier_why="level critical", tier_until=100.0)
    assert why(session, ()) == "airlock tier hard (read only): level critical"
    assert "opens by one tier in 40 s" in what_next(session, 60.0)
    assert "stays until a person releases it" in what_next(a_session(tier=Tier.SOFT), 0.0)


def test_budgets_and_ends() -> None:
    session = a_session(budgets=(BudgetUse("requests", 5, 5), BudgetUse("unique_domains", 1, 5)), ended=True)
    said = why(session, ())
    assert said == "the operator ended this session; what comes now starts afresh; used up: requests"
