"""What lights the lamps."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.engine.taint import lamps
from pipelock.engine.taint.hosts import Standing
from pipelock.model import Action, Direction, Kind, Transport, Verdict
from tests.factories import a_decision, a_finding, a_response, a_summary, an_action

ALLOWED = a_decision(verdict=Verdict.ALLOW)
BLOCKED = a_decision(verdict=Verdict.BLOCK)
KEY = a_finding(scanner="body_dlp", rule="AWS Access ID")


def private(action: Action, standing: Standing = Standing.OUTSIDE, **decision: Any) -> str:
    return lamps.private(action, a_summary(), a_decision(**{"verdict": Verdict.ALLOW, **decision}), standing)


def egress(action: Action, standing: Standing = Standing.OUTSIDE, *, vouched: bool = False) -> str:
    return lamps.egress(action, a_summary(method=action.method), ALLOWED, standing, vouched=vouched)


@pytest.mark.parametrize("verdict", [Verdict.WARN, Verdict.BLOCK])
def test_a_secret_lights_private_whether_it_went_through_or_not(verdict: Verdict) -> None:
    assert private(an_action(), verdict=verdict, findings=(KEY,)) == "AWS Access ID in a request to example.com"
    told = private(a_response(), verdict=verdict, findings=(KEY,))
    assert told == "AWS Access ID in an answer from example.com"


@pytest.mark.parametrize("name", ["authorization", "cookie", "x-api-key"])
def test_credentials_light_private_except_to_a_model_or_this_machine(name: str) -> None:
    action = an_action(headers=(("accept", "*/*"), (name, "abc")))
    assert private(action) == private(action, Standing.LISTED) == "credentials in a request to example.com"
    assert private(action, Standing.MODEL) == private(action, Standing.LOCAL) == ""
    assert private(action, verdict=Verdict.BLOCK) == ""
    assert private(an_action(headers=(("accept", "*/*"),))) == ""


def test_what_is_internal_lights_private() -> None:
    assert private(a_response(), Standing.INTERNAL) == "an answer from example.com, which is internal"
    assert private(a_response(), Standing.LOCAL) == ""
    assert private(a_response()) == ""
    assert private(an_action(), addresses=("10.0.0.1",)) == "a request to example.com, which is internal"
    assert private(an_action(), addresses=("93.184.215.14",)) == ""


def test_a_message_has_no_headers_to_light_it() -> None:
    assert private(an_action(kind=Kind.MESSAGE, headers=(("cookie", "a"),))) == ""


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (an_action(), ""),
        (an_action(method="POST", body=b"x"), "POST to example.com"),
        (an_action(method="POST", size=3), "POST to example.com"),
        (an_action(url="http://example.com/" + "q" * 300), "GET to example.com"),
        (an_action(kind=Kind.CONNECT), "a tunnel to example.com, which is not read"),
        (an_action(kind=Kind.CONNECT, opened=True), ""),
        (an_action(transport=Transport.WEBSOCKET), "a WebSocket to example.com"),
        (an_action(kind=Kind.MESSAGE), "a WebSocket to example.com"),
        (an_action(kind=Kind.PIECE, method="PUT"), "PUT to example.com"),
        (an_action(kind=Kind.CLIENT_HELLO), ""),
        (an_action(kind=Kind.PIECE, direction=Direction.INBOUND), ""),
        (a_response(body=b"x"), ""),
    ],
)
def test_what_carries_data_lights_egress(action: Action, told: str) -> None:
    assert egress(action) == told


def test_not_to_a_host_in_a_list_and_not_if_it_was_refused() -> None:
    action = an_action(method="POST", body=b"x")
    for standing in set(Standing) - {Standing.OUTSIDE}:
        assert egress(action, standing) == ""
    assert egress(action, vouched=True) == ""
    assert lamps.egress(action, a_summary(), BLOCKED, Standing.OUTSIDE, vouched=False) == ""


def test_nothing_is_shown_unescaped() -> None:
    rule = a_finding(scanner="dlp", rule="own\x1b[31m")
    shown = a_summary(host="e\x1b.com")
    told = lamps.private(an_action(), shown, a_decision(findings=(rule,)), Standing.OUTSIDE)
    assert told == r"own\x1b[31m in a request to e\x1b.com"
