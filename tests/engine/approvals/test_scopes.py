from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipelock.engine import summarise
from pipelock.engine.approvals.asked import asked_of
from pipelock.engine.approvals.scopes import offers_for
from pipelock.model import Action, Decision, Lifetime, Scope
from tests.engine.approvals.questions import FLAGGED, POST, RULED, TAINTED, TUNNEL, offers
from tests.factories import a_decision, a_finding, a_response, an_action

SCOPES = [
    (POST, RULED, "payload url path host domain process"),
    (POST, TAINTED, "payload url host"),
    (a_response(), FLAGGED, "payload url"),
    (TUNNEL, RULED, "payload host domain"),
    (an_action(url="http://10.0.0.1/a/b", host="10.0.0.1"), RULED, "payload url path host"),
    (an_action(url="http://example.com/x"), RULED, "payload url host domain"),
    (an_action(url="http://user:pw@example.com/x"), RULED, "payload"),
    (an_action(url="http://example.com/" + "x" * 3000), RULED, "payload host domain"),
    (POST, a_decision(findings=(a_finding(place="url"),)), "payload"),
    (replace(POST, headers=(("x-http-method-override", "DELETE"),)), RULED, "payload host domain process"),
]


@pytest.mark.parametrize(("action", "decision", "scopes"), SCOPES)
def test_which_scopes_are_offered(action: Action, decision: Decision, scopes: str) -> None:
    assert " ".join(offers(action, decision)) == scopes


def test_only_what_an_egress_rule_asks_is_kept_for_good_and_not_everything() -> None:
    kept = {scope for scope, offer in offers(POST, RULED).items() if Lifetime.FOREVER in offer.lifetimes}
    assert kept == {Scope.URL, Scope.PATH, Scope.HOST, Scope.DOMAIN}
    for action, decision in ((POST, TAINTED), (POST, FLAGGED)):
        assert not any(Lifetime.FOREVER in offer.lifetimes for offer in offers(action, decision).values())
    asked = an_action(url="http://example.com/x?token=1")
    assert Lifetime.FOREVER not in offers(asked, RULED)[Scope.URL].lifetimes
    assert not any(Lifetime.FOREVER in one.lifetimes for one in offers(POST, RULED, keeps=False).values())


def test_what_lets_through_much_more_is_marked() -> None:
    assert {scope for scope, offer in offers(POST, RULED).items() if offer.broad} == {Scope.DOMAIN, Scope.PROCESS}
    assert {scope for scope, offer in offers(TUNNEL, RULED).items() if offer.broad} == {Scope.HOST, Scope.DOMAIN}
    assert not any(offer.broad for offer in offers(POST, FLAGGED).values())


@pytest.mark.parametrize(
    ("hidden", "scopes"),
    [
        ({"url": "https://api.example.com/[redacted]"}, "payload host domain process"),
        ({"url": "https://[redacted].example.com/[redacted]", "host": "[redacted].example.com"}, "payload"),
        ({"url": "https://api.example.com/v1/it…"}, "payload host domain process"),
        ({}, "payload url path host domain process"),
    ],
)
def test_what_the_summary_hides_is_in_no_words_and_in_no_grant(hidden: dict, scopes: str) -> None:
    summary = replace(summarise(POST, RULED), **hidden)
    made = offers_for(asked_of(POST, RULED, "d"), summary, keeps=True)
    assert " ".join(offer.scope for offer in made) == scopes
    assert not hidden or not any("/v1/items" in offer.allow + offer.deny for offer in made)
