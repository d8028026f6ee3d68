"""Refusals of walls: nothing is lost, and nobody is flooded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from pipelock.daemon.wall_log import DENIALS_A_SECOND, MAX_DENIALS, WallLog
from pipelock.model import Denial, WallName

_STEPS = st.one_of(
    st.builds(Denial, st.just(WallName.FILES), st.text(max_size=2), st.just(""), count=st.integers(-2, 9)),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(DENIALS_A_SECOND, DENIALS_A_SECOND * 2),
)


@given(st.lists(_STEPS, max_size=30))
def test_all_are_counted_and_told_within_bounds(steps: list[Denial | float | int]) -> None:
    clock = Clock()
    told: list[tuple[float, int]] = []
    log = WallLog(clock, clock.seconds, lambda denial, before: told.append((clock.seconds(), denial.count + before)))
    taken = 0
    for step in steps:
        if isinstance(step, Denial):
            log.take(step)
            taken += max(step.count, 1)
        elif isinstance(step, int):
            for number in range(step):
                log.take(Denial(WallName.SYSCALLS, f"call {number}", ""))
            taken += step
        else:
            clock.advance(step)
            log.sweep()
    log.tell_rest()
    assert log.count == taken == sum(count for _, count in told)
    assert len(log.kinds) <= MAX_DENIALS
    for at, _ in told:
        # A window's own and what was left of the one before.
        assert sum(at <= other < at + 1 for other, _ in told) <= 2 * (DENIALS_A_SECOND + 1)


def test_of_one_kind_the_newest_place_and_the_sum_are_kept() -> None:
    log = WallLog(Clock(), lambda: 5.0, lambda denial, before: None)
    for what in ("a", "b", "a", "a"):
        log.take(Denial(WallName.FILES, what, "why"))
    assert [(noted.denial.what, noted.denial.count, noted.at) for noted in log.kinds] == [("b", 1, 5.0), ("a", 3, 5.0)]
