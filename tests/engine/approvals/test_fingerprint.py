from __future__ import annotations

from pipelock.engine.approvals.fingerprint import Fingerprints, digest_of
from pipelock.model import Action, Direction, Kind
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


def of(prints: Fingerprints, action: Action, policy: str = "p1", session: str = "s") -> bytes:
    return prints.of(action, digest_of(action), policy, session)


def test_whatever_goes_out_or_comes_in_differently_has_another_fingerprint() -> None:
    prints = [of(PRINTS, action) for action in (MESSAGE, *OTHERS)]
    prints += [of(PRINTS, MESSAGE, "p2"), of(PRINTS, MESSAGE, session="t"), of(PRINTS, MESSAGE, session="")]
    assert len(set(prints)) == len(prints)


def test_nobody_makes_one_without_the_key() -> None:
    assert of(Fingerprints(b"j" * 32), MESSAGE) != of(PRINTS, MESSAGE)
    assert of(Fingerprints(b"k" * 32), MESSAGE) == of(PRINTS, MESSAGE)


def test_fields_can_not_run_into_each_other() -> None:
    assert PRINTS.mac(b"", ["ab", "c"]) != PRINTS.mac(b"", ["a", "bc"])
