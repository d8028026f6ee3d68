from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine.sessions.account import Account
from pipelock.engine.sessions.levels import next_threshold, raise_score, recover, recovers_at, wash
from pipelock.engine.sessions.policy import Adaptive
from pipelock.model import Level

SETTINGS = Adaptive(threshold=5.0, decay=0.5)


def test_the_threshold_doubles_with_each_level() -> None:
    assert [next_threshold(level, SETTINGS) for level in Level] == [5.0, 10.0, 20.0, 0.0]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([3.0], Level.NORMAL),
        ([3.0, 1.0], Level.NORMAL),
        ([3.0, 2.0], Level.ELEVATED),
        ([3.0] * 3, Level.ELEVATED),
        ([3.0] * 4, Level.HIGH),
        ([3.0] * 6, Level.HIGH),
        ([3.0] * 7, Level.CRITICAL),
        ([100.0], Level.ELEVATED),
        ([100.0, 1.0, 1.0], Level.CRITICAL),
    ],
)
def test_one_step_a_signal(points: list[float], expected: Level) -> None:
    account = Account("a")
    for number, one in enumerate(points):
        raise_score(account, one, SETTINGS, float(number))
    assert account.level is expected


def test_the_score_has_an_end() -> None:
    account = Account("a")
    for _ in range(100):
        raise_score(account, 3.0, SETTINGS, 0.0)
    assert account.score == 40.0


def test_five_minutes_a_level_and_half_of_the_threshold_is_left() -> None:
    account = Account("a")
    for now in range(7):
        raise_score(account, 3.0, SETTINGS, float(now))
    assert (account.level, recovers_at(account)) == (Level.CRITICAL, 306.0)
    assert not recover(account, SETTINGS, 305.9)
    assert recover(account, SETTINGS, 306.0)
    assert (account.level, account.score) == (Level.HIGH, 10.0)
    assert recover(account, SETTINGS, 606.0)
    assert (account.level, account.score) == (Level.ELEVATED, 5.0)
    assert recover(account, SETTINGS, 906.0)
    assert (account.level, account.score) == (Level.NORMAL, 2.5)
    assert not recover(account, SETTINGS, 1e9)


def test_whoever_looks_late_finds_what_would_have_been() -> None:
    account = Account("a")
    for _ in range(7):
        raise_score(account, 3.0, SETTINGS, 0.0)
    assert recover(account, SETTINGS, 899.0)
    assert (account.level, account.level_since) == (Level.ELEVATED, 600.0)


@pytest.mark.parametrize(("points", "until"), [(1.0, 300.0), (2.0, 300.0), (3.0, 500.0)])
def test_only_a_refused_threat_begins_the_five_minutes_anew(points: float, until: float) -> None:
    account = Account("a")
    raise_score(account, 6.0, SETTINGS, 0.0)
    raise_score(account, points, SETTINGS, 200.0)
    assert recovers_at(account) == until


def test_clean_requests_take_off_points_and_no_level() -> None:
    account = Account("a")
    raise_score(account, 2.0, SETTINGS, 0.0)
    for _ in range(10):
        wash(account, SETTINGS, 0.0)
    assert account.score == 0.0
    raise_score(account, 6.0, SETTINGS, 0.0)
    for now in range(10_000):
        wash(account, SETTINGS, now / 100)
    assert account.level is Level.ELEVATED


@given(st.lists(st.floats(0, 59.9), max_size=200), st.floats(0, 40))
def test_a_flood_of_clean_requests_washes_at_most_one_threshold_a_minute(times: list[float], score: float) -> None:
    account = Account("a", score=score)
    for now in sorted(times):
        wash(account, SETTINGS, now)
    assert account.score >= max(0.0, score - SETTINGS.threshold) - 1e-9
    assert account.score <= score


@given(st.lists(st.sampled_from(["hit", "near", "clean"]), max_size=60))
def test_without_time_a_level_only_rises(steps: list[str]) -> None:
    account, highest = Account("a"), 0
    for step in steps:
        if step == "clean":
            wash(account, SETTINGS, 1.0)
        else:
            raise_score(account, 3.0 if step == "hit" else 1.0, SETTINGS, 1.0)
        recover(account, SETTINGS, 1.0)
        assert account.level.rank >= highest
        highest = account.level.rank
