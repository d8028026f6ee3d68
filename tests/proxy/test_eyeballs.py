"""Which address is dialled when, who wins, and that the others are dropped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import error
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.proxy.eyeballs import MAX_WHY, Heat, Race, Schedule, dial_error, interleaved, one_line
from pipelock.proxy.limits import CONNECT_SECONDS, MAX_ADDRESSES, MAX_RACING, RACE_SECONDS, STAGGER_SECONDS
from pipelock.proxy.tls_client import UpstreamTlsError
from tests.proxy.lines import Dialled

V4 = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
V6 = ("2001:db8::1", "2001:db8::2", "2001:db8::3")


@pytest.mark.parametrize(
    ("addresses", "order"),
    [
        ((), ()),
        (V4[:1], V4[:1]),
        (V6[:1] + V4[:1], V6[:1] + V4[:1]),
        (V4, V4),
        (V6[:2] + V4[:2], (V6[0], V4[0], V6[1], V4[1])),
        (V4[:2] + V6[:1], (V4[0], V6[0], V4[1])),
        (V6[:1] + V4, (V6[0], V4[0], V4[1], V4[2])),
        (V4[:2] + V4[:2] + V6[:1], (V4[0], V6[0], V4[1])),
    ],
)
def test_families_take_turns(addresses: tuple[str, ...], order: tuple[str, ...]) -> None:
    assert interleaved(addresses) == order


def test_no_more_than_so_many_addresses_are_kept() -> None:
    assert len(interleaved(f"192.0.2.{number}" for number in range(100))) == MAX_ADDRESSES


# -- the schedule ------------------------------------------------------------------------------------------------------


def test_the_next_is_begun_after_a_quarter_of_a_second() -> None:
    schedule = Schedule(V4, 100.0)
    assert schedule.begin(100.0) == V4[0]
    assert schedule.begin(100.0) is None
    assert schedule.wake_at == 100.0 + STAGGER_SECONDS
    assert schedule.begin(100.0 + STAGGER_SECONDS) == V4[1]


def test_or_at_once_when_one_fails() -> None:
    schedule = Schedule(V4, 100.0)
    schedule.begin(100.0)
    schedule.failed(V4[0], "refused", 100.01)
    assert schedule.begin(100.01) == V4[1]
    assert not schedule.is_lost


def test_each_address_has_its_time_and_all_together_theirs() -> None:
    schedule = Schedule(V4[:1], 0.0)
    schedule.begin(0.0)
    assert schedule.wake_at == CONNECT_SECONDS
    assert schedule.late(CONNECT_SECONDS - 0.1) == []
    assert schedule.late(CONNECT_SECONDS) == [V4[0]]
    assert schedule.is_lost
    assert schedule.is_timeout
    assert schedule.why == "no answer within 10 s"


def test_past_the_end_nobody_is_begun() -> None:
    schedule = Schedule(V4, 0.0)
    schedule.begin(0.0)
    schedule.late(RACE_SECONDS)
    assert schedule.is_lost
    assert schedule.begin(RACE_SECONDS) is None


def test_a_refusal_among_the_timeouts_is_no_timeout() -> None:
    schedule = Schedule(V4[:2], 0.0)
    schedule.begin(0.0)
    schedule.failed(V4[0], "refused", 0.0)
    schedule.begin(0.0)
    schedule.late(CONNECT_SECONDS)
    assert schedule.is_lost
    assert not schedule.is_timeout


def test_why_names_the_first_failures_and_counts_the_others() -> None:
    addresses = tuple(f"192.0.2.{number}" for number in range(6))
    schedule = Schedule(addresses, 0.0)
    assert schedule.why == "no address to dial"
    while (address := schedule.begin(0.0)) is not None:
        schedule.failed(address, "refused", 0.0)
    assert schedule.why.count("refused") == 4
    assert schedule.why.startswith("192.0.2.0: refused; 192.0.2.1: refused; ")
    assert schedule.why.endswith("; and 2 more")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(V4 + V6 + tuple(f"198.51.100.{n}" for n in range(20))), max_size=30),
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=40),
)
def test_every_address_is_tried_at_most_once_a_few_at_a_time_and_it_ends(
    addresses: list[str], steps: list[tuple[float, bool]]
) -> None:
    schedule, now = Schedule(interleaved(addresses), 0.0), 0.0
    tried: list[str] = []
    racing: list[str] = []

    def turn() -> None:
        for late in schedule.late(now):
            racing.remove(late)
        while (address := schedule.begin(now)) is not None:
            tried.append(address)
            racing.append(address)
        assert len(racing) <= MAX_RACING
        assert schedule.is_lost or now < schedule.wake_at <= RACE_SECONDS

    turn()
    for wait, fails in steps:
        now = min(schedule.wake_at, now + wait)
        if fails and racing:
            schedule.failed(racing.pop(0), "refused", now)
        turn()
        if schedule.is_lost:
            break
    while not schedule.is_lost:
        now = schedule.wake_at
        turn()
    assert now <= RACE_SECONDS
    assert len(tried) == len(set(tried))
    assert set(tried) <= set(addresses)


# -- the race ----------------------------------------------------------------------------------------------------------


class Runner(Protocol):
    def __init__(self, heat: Heat) -> None:
        self.heat = heat

    def connectionMade(self) -> None:
        self.heat.opened()


class Course:
    """A race with its clock, its dials, and how it ended."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self.clock = Clock()
        self.dials: list[Dialled] = []
        self.won: list[Any] = []
        self.lost: list[tuple[str, bool, bool]] = []
        self.race = Race(
            self.clock,
            addresses,
            self._dial,
            Runner,
            self.won.append,
            lambda why, *, timed_out, tls: self.lost.append((why, timed_out, tls)),
        )

    def _dial(self, address: str, factory: Factory, timeout: float) -> Any:
        assert timeout == CONNECT_SECONDS
        dialled = Dialled(address, 443, factory)
        self.dials.append(dialled)
        return dialled

    @property
    def dialled(self) -> list[str]:
        return [dial.address for dial in self.dials]

    def assert_over(self) -> None:
        assert not self.clock.getDelayedCalls()
        assert len(self.won) + len(self.lost) <= 1
        for dial in self.dials:
            if self.won and dial.protocol is self.won[0]:
                assert not dial.line.is_closing
            elif dial.protocol is not None:
                assert dial.line.is_closing or dial.line.is_lost


def test_the_first_that_connects_wins_and_the_others_are_dropped() -> None:
    course = Course((V6[0], V4[0], V6[1]))
    course.race.start()
    assert course.dialled == [V6[0]]
    course.clock.advance(STAGGER_SECONDS)
    assert course.dialled == [V6[0], V4[0]]
    course.dials[1].answer()
    assert course.won == [course.dials[1].protocol]
    assert course.dials[0].is_cancelled
    course.clock.advance(60)
    assert course.dialled == [V6[0], V4[0]]
    course.assert_over()


def test_a_failure_brings_the_next_at_once() -> None:
    course = Course((V6[0], V4[0]))
    course.race.start()
    course.dials[0].refuse()
    assert course.dialled == [V6[0], V4[0]]
    course.dials[1].refuse()
    assert len(course.lost) == 1
    why, timed_out, tls = course.lost[0]
    assert why.startswith(f"{V6[0]}: ")
    assert f"; {V4[0]}: " in why
    assert (timed_out, tls) == (False, False)
    course.assert_over()


def test_nobody_answers() -> None:
    course = Course(V4)
    course.race.start()
    for _ in range(100):
        course.clock.advance(STAGGER_SECONDS)
    assert [(timed_out, tls) for _, timed_out, tls in course.lost] == [(True, False)]
    assert all(dial.is_cancelled for dial in course.dials)
    course.assert_over()


def test_no_address_is_a_race_that_is_lost() -> None:
    course = Course(())
    course.race.start()
    assert course.lost == [("no address to dial", False, False)]


def test_a_handshake_that_never_ends_is_given_up() -> None:
    """Twisted's own timer ends with TCP: from then on the race's counts."""
    course = Course(V4[:1])
    course.race.start()
    course.clock.advance(CONNECT_SECONDS)
    assert course.lost == [("no answer within 10 s", True, False)]
    assert course.dials[0].is_cancelled
    course.assert_over()


def test_a_connection_lost_in_the_handshake_leaves_a_chance_to_the_others() -> None:
    course = Course(V4[:2])
    course.race.start()
    course.dials[0].fails(UpstreamTlsError("x.example closed the connection", is_final=False))
    assert course.dialled == list(V4[:2])
    course.dials[1].answer()
    assert course.won
    course.assert_over()


def test_a_server_that_is_not_who_it_should_be_ends_the_race() -> None:
    course = Course(V4)
    course.race.start()
    course.clock.advance(STAGGER_SECONDS)
    course.dials[0].fails(UpstreamTlsError("x.example can't be trusted: it is evil.example"))
    assert course.lost == [("x.example can't be trusted: it is evil.example", False, True)]
    assert course.dials[1].is_cancelled
    course.clock.advance(60)
    assert course.dialled == list(V4[:2])
    course.assert_over()


def test_a_race_that_is_cancelled_leaves_nothing() -> None:
    course = Course(V4)
    course.race.start()
    course.race.cancel()
    assert course.dials[0].is_cancelled
    course.clock.advance(60)
    assert course.won == course.lost == []
    assert len(course.dials) == 1
    course.assert_over()


def test_who_connects_when_all_is_over_is_hung_up_on() -> None:
    course = Course(V4)
    course.race.start()
    course.race.cancel()
    late = course.dials[0].answer()
    assert late.line.is_closing
    assert course.won == []


# -- words -------------------------------------------------------------------------------------------------------------


def test_errors_are_one_line_of_bounded_length() -> None:
    hostile = one_line("bad\r\nX-Evil: 1\x1b[31m" + "x" * 10_000)
    assert hostile.isprintable()
    assert len(hostile) == MAX_WHY
    assert dial_error(Failure(error.ConnectionRefusedError())) == "Connection was refused by other side"
    too_many = error.ConnectBindError(24, "Too many open files")
    assert "Too many open files" in dial_error(Failure(too_many))
    assert dial_error(Failure(ConnectionDone())) == "ConnectionDone"
