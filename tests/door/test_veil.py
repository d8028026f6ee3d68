from __future__ import annotations

import pytest

from pipelock.door import veil
from pipelock.door.veil import Veil
from pipelock.model import Action, Decision, Direction, Kind, Verdict
from tests.factories import a_finding, a_response, an_action

SECRET = "key-in-the-url"
URL = f"http://example.com/items?token={SECRET}"
FOUND = (a_finding(place="url:query:token"),)


def decided(verdict: Verdict = Verdict.ALLOW, **changes: object) -> Decision:
    return Decision(action_id="t-1", verdict=verdict, **changes)


@pytest.mark.parametrize(
    "later",
    [
        a_response(url=URL),
        a_response(url=URL, kind=Kind.EVENT, direction=Direction.INBOUND),
        an_action(url=URL, kind=Kind.PIECE),
        an_action(url=URL, kind=Kind.MESSAGE),
    ],
)
@pytest.mark.parametrize(
    "first", [decided(suppressed=FOUND), decided(Verdict.WARN, findings=FOUND), decided(Verdict.ASK, findings=FOUND)]
)
def test_what_was_hidden_stays_hidden(first: Decision, later: Action) -> None:
    hides = Veil()
    request = hides.summarise(an_action(url=URL), first)
    shown = hides.summarise(later, decided())
    assert shown.url == request.url == "http://example.com/[redacted]"
    assert shown.path == request.path == "/items"
    other = hides.summarise(a_response(id="t-2", url="http://example.com/x"), decided())
    assert other.url == "http://example.com/x"


def test_what_showed_nothing_is_shown() -> None:
    hides = Veil()
    hides.summarise(an_action(), decided())
    assert hides.summarise(a_response(), decided()).url == "http://example.com/path"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(veil, "MAX_VEILED", 2)
    hides = Veil()
    for number in range(3):
        hides.summarise(an_action(id=f"t-{number}", url=URL), decided(suppressed=FOUND))
    assert SECRET in hides.summarise(a_response(id="t-0", url=URL), decided()).url
    assert SECRET not in hides.summarise(a_response(id="t-2", url=URL), decided()).url
