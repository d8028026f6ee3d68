from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine.limits import SlidingWindow


def test_a_count_leaves_with_its_window() -> None:
    window = SlidingWindow()
    window.add("a", 3, 1000.0)
    assert window.total("a", 1000.0) == 3
    assert window.total("a", 1054.0) == 3
    assert window.total("a", 1061.0) == 0
    assert window.total("b", 1000.0) == 0


def test_keys_are_bounded_and_the_least_recent_goes() -> None:
    window = SlidingWindow(max_keys=2)
    window.add("a", 1, 0.0)
    window.add("b", 1, 0.0)
    window.add("a", 1, 0.0)
    window.add("c", 1, 0.0)
    assert len(window) == 2
    assert (window.total("a", 0.0), window.total("b", 0.0), window.total("c", 0.0)) == (2, 0, 1)


@given(st.lists(st.tuples(st.floats(0, 300), st.integers(1, 5)), max_size=50), st.floats(0, 60))
def test_it_never_counts_less_than_the_last_minute_minus_a_bucket(adds: list[tuple[float, int]], later: float) -> None:
    window = SlidingWindow()
    now = 0.0
    for at, amount in sorted(adds):
        window.add("k", amount, at)
        now = at
    now += later
    total = window.total("k", now)
    assert total >= sum(amount for at, amount in adds if at > now - 55)
    assert total <= sum(amount for at, amount in adds if at > now - 65)
