"""Actions that are asked about, and what is offered for them."""

from __future__ import annotations

from pipelock.engine import summarise
from pipelock.engine.approvals.asked import asked_of
from pipelock.engine.approvals.scopes import offers_for
from pipelock.model import Action, Decision, Identity, Kind, Offer, Process, Scope, Span
from tests.factories import a_decision, a_finding, an_action

CLAUDE = Identity("claude", "claude@7|127.0.0.1", processes=(Process(9, 1, "curl"), Process(7, 1, "claude")))
POST = an_action(
    method="POST", url="https://api.example.com/v1/items", host="api.example.com", port=443, body=b"hello",
    agent="claude", identity=CLAUDE,
)  # fmt: skip
TUNNEL = an_action(kind=Kind.CONNECT, method="CONNECT", url="https://git.example.org:22/", host="git.example.org",
                   port=22, agent="helper")  # fmt: skip
RULED = a_decision(layer="egress_rules", rule="posts")
DEFAULT = a_decision(layer="egress_rules", rule="")
FLAGGED = a_decision(
    layer="response_scan",
    rule="",
    findings=(a_finding(scanner="response_scan", rule="Fake Order", place="body", span=Span(0, 5)),),
)
TAINTED = a_decision(layer="taint", rule="")


def offers(action: Action, decision: Decision, *, keeps: bool = True) -> dict[Scope, Offer]:
    made = offers_for(asked_of(action, decision, "d"), summarise(action, decision), keeps=keeps)
    assert made[0].scope is Scope.PAYLOAD
    return {offer.scope: offer for offer in made}
