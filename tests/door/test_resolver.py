"""Lookups on a clock that tests turn; the thread pool is a list of calls that have yet to return."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.door.resolver import CACHE_SECONDS, LOOKUP_SECONDS, MAX_CACHED, MAX_LOOKUPS, Resolver
from pipelock.engine import Answers

FOUND = ("93.184.215.14", "2606:2800:21f::1")


class Names:
    """A resolver whose lookups return when told to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.running: list[tuple[Callable[[], Any], Callable[[Any], None]]] = []
        self.looked_up: list[str] = []
        self.resolver = Resolver(self.clock, lambda call, then: self.running.append((call, then)), self._lookup)

    def _lookup(self, host: str) -> tuple[str, ...]:
        self.looked_up.append(host)
        return FOUND

    def ask(self, host: str = "e.com") -> list[Answers]:
        answers: list[Answers] = []
        self.resolver.resolve(host, answers.append)
        return answers

    def land(self, result: object = None, index: int = 0) -> None:
        call, then = self.running.pop(index)
        then(call() if result is None else result)


def test_a_name_is_looked_up_elsewhere_and_answered_when_it_lands() -> None:
    names = Names()
    answers = names.ask()
    assert (answers, names.looked_up) == ([], [])
    names.land()
    assert answers == [Answers(FOUND)]
    assert names.looked_up == ["e.com"]
    assert names.clock.getDelayedCalls() == []


def test_equal_names_in_flight_share_one_lookup_and_others_do_not() -> None:
    names = Names()
    first, second, other = names.ask(), names.ask(), names.ask("f.com")
    assert len(names.running) == 2
    names.land()
    assert first == second == [Answers(FOUND)]
    assert other == []


def test_a_good_answer_is_kept_for_a_while_and_then_not() -> None:
    names = Names()
    names.ask()
    names.land()
    names.clock.advance(CACHE_SECONDS - 0.1)
    assert names.ask() == [Answers(FOUND)]
    names.clock.advance(0.1)
    assert names.ask() == []
    assert len(names.running) == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no such host (Name or service not known)"),
        (UnicodeError("label too long"), "not a host name that can be looked up"),
        (OSError("network down"), "lookup failed (OSError)"),
        (RuntimeError("bug"), "lookup failed (RuntimeError)"),
    ],
)
def test_every_way_to_fail_is_an_answer_with_a_reason_and_is_not_kept(error: Exception, why: str) -> None:
    names = Names()
    answers = names.ask()
    names.land(Failure(error))
    assert answers == [Answers(error=why)]
    assert names.ask() == []
    assert len(names.running) == 1


def test_no_addresses_are_not_kept_either() -> None:
    names = Names()
    answers = names.ask()
    names.land(())
    assert answers == [Answers()]
    assert names.ask() == []


def test_silence_ends_after_the_deadline_and_the_late_answer_is_nobodys() -> None:
    names = Names()
    answers = names.ask()
    names.clock.advance(LOOKUP_SECONDS - 0.1)
    assert answers == []
    names.clock.advance(0.1)
    assert answers == [Answers(error="no answer within 5 s")]
    names.land()
    assert len(answers) == 1
    assert names.ask() == []  # what came late was not kept


def test_a_late_answer_does_not_answer_the_newer_lookup() -> None:
    names = Names()
    names.ask()
    names.clock.advance(LOOKUP_SECONDS)
    newer = names.ask()
    names.land(("10.0.0.1",))
    assert newer == []
    names.land()
    assert newer == [Answers(FOUND)]


def test_lookups_that_never_return_fill_the_queue_and_the_queue_empties_again() -> None:
    names = Names()
    for number in range(MAX_LOOKUPS):
        names.ask(f"h{number}.com")
    names.clock.advance(LOOKUP_SECONDS)
    assert names.ask("more.com") == [Answers(error="too many name lookups are waiting")]
    names.land()
    assert names.ask("more.com") == []


def test_what_is_kept_is_bounded_and_the_oldest_goes() -> None:
    names = Names()
    for number in range(MAX_CACHED + 1):
        names.ask(f"h{number}.com")
        names.land()
    assert names.ask(f"h{MAX_CACHED}.com") == [Answers(FOUND)]
    assert names.ask("h0.com") == []


def test_whoever_asks_again_while_being_answered_is_answered_too() -> None:
    names = Names()
    seen: list[Answers] = []
    names.resolver.resolve("e.com", lambda _first: names.resolver.resolve("e.com", seen.append))
    names.land()
    assert seen == [Answers(FOUND)]
