"""The limits of profile submit, around a road that only listens."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.config.upstream import parse_upstream
from pipelock.model import Fault
from pipelock.proxy.reverse_rules import TOO_LARGE, ReverseRules
from pipelock.proxy.submit import LimitedRoad
from tests.proxy.house import House


class Listening:
    """A road that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def request_data(self, data: bytes) -> None:
        self.told.append(data)

    def request_end(self) -> None:
        self.told.append("end")

    def client_blocked(self) -> None:
        self.told.append("blocked")

    def client_ready(self) -> None:
        self.told.append("ready")

    def cancel(self) -> None:
        self.told.append("cancel")


def limited(max_body: int = 10, seconds: float = 5.0) -> tuple[House, Listening, LimitedRoad, list[Fault]]:
    house, road, faults = House(), Listening(), list[Fault]()
    rules = ReverseRules(
        upstream=parse_upstream("http://a.example"), methods=frozenset(), max_body=max_body, request_seconds=seconds
    )
    return house, road, LimitedRoad(road, rules, house.context, faults.append), faults


def test_everything_is_passed_on() -> None:
    house, road, gate, faults = limited()
    gate.request_data(b"12345")
    gate.client_blocked()
    gate.client_ready()
    gate.request_data(b"67890")
    gate.request_end()
    gate.cancel()
    assert road.told == [b"12345", "blocked", "ready", b"67890", "end", "cancel"]
    assert faults == []
    house.assert_nothing_is_left()


def test_a_byte_too_many_ends_it_once() -> None:
    house, road, gate, faults = limited()
    for piece in (b"1234567890", b"1", b"2"):
        gate.request_data(piece)
    assert road.told == [b"1234567890"]
    house.wait(60)
    assert faults == [TOO_LARGE]
    house.assert_nothing_is_left()


def test_its_time_ends_it_once() -> None:
    house, _road, _gate, faults = limited()
    house.wait(4)
    assert faults == []
    house.wait(1)
    house.wait(60)
    (fault,) = faults
    assert (fault.status, fault.layer) == (504, "reverse_proxy")
    house.assert_nothing_is_left()


@pytest.mark.parametrize("end", ["close", "cancel"])
def test_what_is_over_has_no_limit(end: str) -> None:
    house, _road, gate, faults = limited()
    getattr(gate, end)()
    gate.expired()
    house.wait(60)
    assert faults == []


def test_no_limits() -> None:
    house, road, gate, faults = limited(0, 0.0)
    gate.request_data(b"x" * 100_000)
    house.wait(86_400)
    assert (len(road.told), faults) == (1, [])
