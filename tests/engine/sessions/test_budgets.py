from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine.sessions.account import Use
from pipelock.engine.sessions.budgets import charge, is_request, shown, wire_size
from pipelock.engine.sessions.policy import Budget
from pipelock.model import Action, BlockReason, BudgetUse, Kind
from tests.factories import an_action


def asked(
    use: Use, budget: Budget, now: float = 0.0, *, requests: int = 1, size: int = 0, domain: int | None = None
) -> str:
    over = charge(use, budget, now, requests=requests, size=size, domain=domain)
    return "" if over is None else over.name


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (an_action(), True),
        (an_action(kind=Kind.CONNECT), True),
        (an_action(kind=Kind.CONNECT, opened=True), False),
        (an_action(kind=Kind.RESPONSE), False),
        (an_action(kind=Kind.PIECE), False),
    ],
)
def test_a_tunnel_that_is_opened_is_counted_by_its_requests(action: Action, *, expected: bool) -> None:
    assert is_request(action) is expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (an_action(body=b"12345"), 5),
        (an_action(body=b"12345", size=3), 3),
        (an_action(kind=Kind.PIECE, body=b"12345", size=0), 0),
        (an_action(kind=Kind.PIECE, body=b"12345", size=2), 2),
    ],
)
def test_bytes_are_those_of_the_wire(action: Action, expected: int) -> None:
    assert wire_size(action) == expected


def test_requests() -> None:
    use, budget = Use(), Budget(requests=2)
    assert [asked(use, budget) for _ in range(3)] == ["", "", "requests"]
    assert asked(use, budget, requests=0, size=10) == ""


def test_bytes_end_a_body_before_it_is_too_much() -> None:
    use, budget = Use(), Budget(bytes=100)
    assert asked(use, budget, size=60) == ""
    assert asked(use, budget, requests=0, size=41) == "bytes"
    assert asked(use, budget, requests=0, size=40) == ""
    assert asked(use, budget) == "bytes"


def test_domains_that_are_known_stay_open() -> None:
    use, budget = Use(), Budget(domains=2)
    assert [asked(use, budget, domain=one) for one in (1, 2, 1, 3, 2)] == ["", "", "", "unique_domains", ""]


def test_time_runs_from_the_first_request() -> None:
    use, budget = Use(), Budget(wall_clock=60.0)
    assert asked(use, budget, 1000.0) == ""
    assert asked(use, budget, 1059.9) == ""
    assert asked(use, budget, 1060.0) == "wall_clock"
    assert asked(use, budget, 1e9, requests=0, size=1) == "wall_clock"


def test_a_window_begins_everything_anew() -> None:
    use, budget = Use(), Budget(requests=1, window=60.0)
    assert [asked(use, budget, now) for now in (0.0, 59.0, 60.0, 61.0)] == ["", "requests", "", "requests"]


def test_which_budget_and_when_it_begins_anew_is_said() -> None:
    use = Use()
    asked(use, Budget(bytes=5, window=60.0))
    over = charge(use, Budget(bytes=5, window=60.0), 20.0, requests=0, size=9, domain=None)
    assert over is not None
    assert over.reason == "this session's budget of 5 bytes is used up; it begins anew in 40 s"
    assert over.code is BlockReason.DATA_BUDGET
    never = charge(use, Budget(requests=1), 20.0, requests=1, size=0, domain=None)
    assert never is not None
    assert never.reason.endswith("it does not begin anew by itself")
    assert never.code is BlockReason.RATE_LIMIT


def test_only_what_has_a_limit_is_shown() -> None:
    use = Use()
    budget = Budget(requests=5, wall_clock=120.0, window=600.0)
    asked(use, budget, 100.0)
    expected = (BudgetUse("requests", 1, 5), BudgetUse("wall_clock_seconds", 20, 120))
    assert shown(use, budget, 120.0) == expected
    assert shown(use, budget, 700.0) == (BudgetUse("requests", 0, 5), BudgetUse("wall_clock_seconds", 0, 120))


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 50), st.integers(0, 6)), max_size=60))
def test_never_more_than_the_budget(asks: list[tuple[int, int, int]]) -> None:
    use, budget = Use(), Budget(requests=10, bytes=300, domains=3)
    for requests, size, domain in asks:
        asked(use, budget, requests=requests, size=size, domain=domain)
        assert use.requests <= 10
        assert use.bytes <= 300
        assert len(use.domains) <= 3
