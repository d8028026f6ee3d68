"""The event bus: numbers without holes, a bounded memory, listeners that can't hurt."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.door.bus import CAPACITY, EventBus, Missed
from pipelock.model import Event, Notice


def bus_with(count: int, capacity: int = CAPACITY) -> EventBus:
    bus = EventBus(lambda: 12.5, capacity)
    for number in range(1, count + 1):
        bus.publish(Notice("info", str(number)))
    return bus


def seqs(events: tuple[Event, ...]) -> list[int]:
    return [event.seq for event in events]


def test_numbers_start_at_one_and_have_no_holes() -> None:
    bus = EventBus(lambda: 12.5)
    assert bus.last_seq == 0
    first = bus.publish(Notice("info", "a"))
    second = bus.publish(Notice("info", "b"))
    assert (first, second) == (Event(1, 12.5, Notice("info", "a")), Event(2, 12.5, Notice("info", "b")))
    assert bus.last_seq == 2


def test_a_bus_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        EventBus(lambda: 0.0, 0)


@pytest.mark.parametrize(
    ("published", "capacity", "after", "backlog", "missed", "expected"),
    [
        pytest.param(0, 10, 0, 10, None, [], id="nothing yet"),
        pytest.param(5, 10, 0, 10, None, [1, 2, 3, 4, 5], id="all"),
        pytest.param(5, 10, 3, 10, None, [4, 5], id="the rest"),
        pytest.param(5, 10, 5, 10, None, [], id="up to date"),
        pytest.param(5, 10, 6, 10, None, [], id="the future"),
        pytest.param(5, 10, 4, 10, None, [5], id="the last one"),
        pytest.param(5, 10, 0, 2, Missed(1, 3), [4, 5], id="less than there is"),
        pytest.param(5, 10, 3, 2, None, [4, 5], id="exactly enough"),
        pytest.param(5, 10, 0, 0, Missed(1, 5), [], id="nothing of the past"),
        pytest.param(12, 10, 2, 100, None, list(range(3, 13)), id="just still held"),
        pytest.param(12, 10, 1, 100, Missed(2, 2), list(range(3, 13)), id="just fallen out"),
        pytest.param(12, 10, -4, 100, Missed(1, 2), list(range(3, 13)), id="negative is the beginning"),
    ],
)
def test_since(
    published: int, capacity: int, after: int, backlog: int, missed: Missed | None, expected: list[int]
) -> None:
    gap, events = bus_with(published, capacity).since(after, backlog)
    assert (gap, seqs(events)) == (missed, expected)


@pytest.mark.parametrize(
    ("after", "limit", "missed", "expected"),
    [
        (0, 3, Missed(1, 2), [3, 4, 5]),
        (2, 3, None, [3, 4, 5]),
        (11, 3, None, [12]),
        (12, 3, None, []),
        (99, 3, None, []),
    ],
)
def test_following_goes_forward_in_pieces(after: int, limit: int, missed: Missed | None, expected: list[int]) -> None:
    gap, events = bus_with(12, 10).following(after, limit)
    assert (gap, seqs(events)) == (missed, expected)


def test_latest_has_no_gap() -> None:
    assert seqs(bus_with(12, 10).latest(3)) == [10, 11, 12]
    assert seqs(bus_with(12, 10).latest(1000)) == list(range(3, 13))
    assert seqs(bus_with(2, 10).latest(5)) == [1, 2]
    assert bus_with(2, 10).latest(0) == ()


@settings(deadline=None)
@given(
    published=st.integers(0, 60),
    capacity=st.integers(1, 20),
    after=st.integers(-2, 70),
    backlog=st.integers(0, 70),
)
def test_every_number_after_is_either_given_or_named_as_missed(
    published: int, capacity: int, after: int, backlog: int
) -> None:
    bus = bus_with(published, capacity)
    missed, events = bus.since(after, backlog)
    named = list(range(missed.first, missed.last + 1)) if missed else []
    assert named + seqs(events) == list(range(max(after, 0) + 1, published + 1))
    assert len(events) <= min(backlog, capacity)
    step_missed, step = bus.following(after, 7)
    named = list(range(step_missed.first, step_missed.last + 1)) if step_missed else []
    assert named + seqs(step) == list(range(max(after, 0) + 1, published + 1))[: len(named) + 7]


def test_a_listener_hears_until_it_unsubscribes() -> None:
    bus = bus_with(3)
    heard: list[int] = []
    unsubscribe = bus.subscribe(lambda event: heard.append(event.seq))
    bus.publish(Notice("info", "x"))
    bus.publish(Notice("info", "y"))
    unsubscribe()
    unsubscribe()
    bus.publish(Notice("info", "z"))
    assert heard == [4, 5]


def test_a_later_listener_does_not_hear_the_past() -> None:
    bus = EventBus(lambda: 0.0)
    bus.subscribe(lambda event: None)()
    bus.publish(Notice("info", "unheard"))
    heard: list[int] = []
    bus.subscribe(lambda event: heard.append(event.seq))
    bus.publish(Notice("info", "heard"))
    assert heard == [2]


def test_a_listener_that_raises_is_dropped_logged_and_announced(caplog: pytest.LogCaptureFixture) -> None:
    bus = EventBus(lambda: 0.0)
    heard: list[Event] = []

    def broken(event: Event) -> None:
        raise RuntimeError("secret detail")

    bus.subscribe(broken)
    bus.subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        event = bus.publish(Notice("info", "first"))
    assert event.seq == 1
    assert "an event listener failed" in caplog.text
    assert [item.payload for item in heard] == [
        Notice("info", "first"),
        Notice("error", "an event listener failed and was removed: RuntimeError"),
    ]
    bus.publish(Notice("info", "second"))
    assert [item.seq for item in heard] == [1, 2, 3]


def test_a_listener_may_publish_and_everybody_sees_the_same_order() -> None:
    bus = EventBus(lambda: 0.0)
    first: list[int] = []
    second: list[int] = []

    def echo(event: Event) -> None:
        first.append(event.seq)
        if event.payload == Notice("info", "ask"):
            bus.publish(Notice("info", "answer"))

    bus.subscribe(echo)
    bus.subscribe(lambda event: second.append(event.seq))
    bus.publish(Notice("info", "ask"))
    bus.publish(Notice("info", "done"))
    assert first == second == [1, 2, 3]


def test_a_listener_that_another_removes_is_not_told() -> None:
    bus = EventBus(lambda: 0.0)
    heard: list[int] = []
    removers = []
    bus.subscribe(lambda event: removers[0]())
    removers.append(bus.subscribe(lambda event: heard.append(event.seq)))
    bus.publish(Notice("info", "x"))
    assert heard == []


def test_a_flood_from_a_listener_laps_the_ring_but_order_holds() -> None:
    bus = EventBus(lambda: 0.0, capacity=4)
    heard: list[int] = []

    def flood(event: Event) -> None:
        heard.append(event.seq)
        if event.seq == 1:
            for _ in range(10):
                bus.publish(Notice("info", "more"))

    bus.subscribe(flood)
    bus.publish(Notice("info", "start"))
    assert heard == [1, 8, 9, 10, 11]
