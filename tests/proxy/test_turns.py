from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelock.proxy.turns import Turns


class Reactor:
    """Calls in one turn what was asked for before it; Twisted's own fake goes on with what is added meanwhile."""

    def __init__(self) -> None:
        self.calls: dict[object, Callable[[], None]] = {}

    def callLater(self, _delay: float, call: Callable[[], None], *args: Any) -> Any:
        reactor = self

        class Call:
            def active(self) -> bool:
                return self in reactor.calls

            def cancel(self) -> None:
                del reactor.calls[self]

        made = Call()
        self.calls[made] = call
        return made

    def turn(self) -> None:
        for made in list(self.calls):
            call = self.calls.pop(made, None)
            if call is not None:
                call()


def made() -> tuple[Any, Turns]:
    reactor: Any = Reactor()
    return reactor, Turns(reactor)


def test_one_in_each_turn_of_the_reactor_in_order() -> None:
    (reactor, turns), said = made(), list[str]()
    for name in "abc":
        turns.ask(lambda name=name: said.append(name))  # type: ignore[misc]
    assert said == []
    for expected in ("a", "ab", "abc", "abc"):
        reactor.turn()
        assert "".join(said) == expected
    assert not reactor.calls


def test_who_asks_again_comes_after_the_others() -> None:
    (reactor, turns), said = made(), list[str]()

    def busy() -> None:
        said.append("busy")
        turns.ask(busy)

    turns.ask(busy)
    turns.ask(lambda: said.append("other"))
    for _ in range(4):
        reactor.turn()
    assert said == ["busy", "other", "busy", "busy"]


def test_a_place_can_be_given_up() -> None:
    (reactor, turns), said = made(), list[str]()
    first = turns.ask(lambda: said.append("first"))
    second = turns.ask(lambda: said.append("second"))
    assert first.active()
    first.cancel()
    first.cancel()
    assert not first.active()
    assert reactor.calls
    reactor.turn()
    assert said == ["second"]
    assert not second.active()
    turns.ask(lambda: said.append("third")).cancel()
    assert not reactor.calls, "nothing is left behind"


def test_who_fails_does_not_stop_the_others() -> None:
    (reactor, turns), said = made(), list[str]()
    turns.ask(lambda: 1 // 0)
    turns.ask(lambda: said.append("other"))
    with pytest.raises(ZeroDivisionError):
        reactor.turn()
    reactor.turn()
    assert said == ["other"]
