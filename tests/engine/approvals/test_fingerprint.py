from __future__ import annotations

from pipelock.engine.approvals.fingerprint import Fingerprints
from pipelock.model import Direction, Kind
from tests.factories import an_action

PRINTS = Fingerprints(b"k" * 32)
MESSAGE = an_action(kind=Kind.MESSAGE)
OTHERS = [
    an_action(kind=Kind.MESSAGE, direction=Direction.INBOUND),
    an_action(kind=Kind.MESSAGE, opened=True),
    an_action(kind=Kind.MESSAGE, body=b"x"),
    an_action(kind=Kind.MESSAGE, headers=(("a", "b"),)),
    an_action(kind=Kind.MESSAGE, headers=(("a: b", ""),)),
    an_action(kind=Kind.MESSAGE, status=200),
    an_action(),
]


def test_whatever_goes_out_or_comes_in_differently_has_another_fingerprint() -> None:
    prints = [PRINTS.of(action, "p1", "s") for action in (MESSAGE, *OTHERS)]
    prints += [PRINTS.of(MESSAGE, "p2", "s"), PRINTS.of(MESSAGE, "p1", "t"), PRINTS.of(MESSAGE, "p1", "")]
    assert len(set(prints)) == len(prints)


def test_nobody_makes_one_without_the_key() -> None:
    assert Fingerprints(b"j" * 32).of(MESSAGE, "p1", "s") != PRINTS.of(MESSAGE, "p1", "s")
    assert Fingerprints(b"k" * 32).of(MESSAGE, "p1", "s") == PRINTS.of(MESSAGE, "p1", "s")


def test_fields_can_not_run_into_each_other() -> None:
    assert PRINTS.mac(b"", ["ab", "c"]) != PRINTS.mac(b"", ["a", "bc"])
