from __future__ import annotations

import pytest

from pipelock.door._outcome import changed, concluded, covered, denied
from pipelock.engine import Settled
from pipelock.model import Answer, AnswerWord, BlockReason, Grant, Lifetime, Outcome, Scope, Verdict
from tests.factories import a_decision, a_finding

ENDS = [
    (Outcome.APPROVED, Verdict.ALLOW, None, 0, "the operator allowed it once"),
    (Outcome.DENIED, Verdict.BLOCK, BlockReason.REQUEST_POLICY_DENY, 403, "the operator denied this: no"),
    (Outcome.EXPIRED, Verdict.BLOCK, BlockReason.TIMEOUT, 403, "nobody answered within 2 s"),
    (Outcome.ABANDONED, Verdict.BLOCK, BlockReason.REQUEST_POLICY_DENY, 403, "the client went away"),
    (Outcome.WITHDRAWN, Verdict.BLOCK, BlockReason.TIMEOUT, 503, "the daemon stopped"),
]


@pytest.mark.parametrize(("outcome", "verdict", "code", "status", "words"), ENDS)
def test_every_end(outcome: Outcome, verdict: Verdict, code: BlockReason | None, status: int, words: str) -> None:
    answer = Answer(AnswerWord.DENY, note="no") if outcome is Outcome.DENIED else None
    decision = concluded(a_decision(layer="egress_rules"), Settled("t", outcome, answer), 2500)
    assert (decision.verdict, decision.code, decision.status, decision.outcome, decision.held_ms) == (
        verdict, code, status, outcome, 2500,
    )  # fmt: skip
    assert words in decision.reason


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ("egress_rules", BlockReason.REQUEST_POLICY_DENY),
        ("response_scan", BlockReason.PROMPT_INJECTION),
        ("core_response", BlockReason.PROMPT_INJECTION),
    ],
)
def test_the_layer_that_asked_gives_the_code_of_a_no(layer: str, code: BlockReason) -> None:
    finding = a_finding(scanner=layer)
    assert denied(a_decision(layer=layer, findings=(finding,)), Outcome.UNATTENDED, "no").code is code


def test_what_was_found_stays_a_warning_when_it_is_let_through() -> None:
    approved = Settled("t", Outcome.APPROVED, Answer(AnswerWord.ALLOW))
    assert concluded(a_decision(findings=(a_finding(),)), approved, 1).verdict is Verdict.WARN
    assert concluded(a_decision(), approved, 1).verdict is Verdict.ALLOW


def test_the_lifetime_of_an_approval_is_said_and_its_grant_named() -> None:
    answer = Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.H1)
    decision = concluded(a_decision(), Settled("t", Outcome.APPROVED, answer, "g1"), 1)
    assert decision.reason.endswith("the operator allowed it for 1 hour")
    assert decision.grant == "g1"


@pytest.mark.parametrize(
    ("allow", "verdict", "outcome", "words"),
    [
        (True, Verdict.ALLOW, Outcome.GRANTED, "the operator allowed it before (g1)"),
        (False, Verdict.BLOCK, Outcome.DENIED_BEFORE, "the operator denied this before: ask me first"),
    ],
)
def test_an_earlier_answer(allow: bool, verdict: Verdict, outcome: Outcome, words: str) -> None:
    grant = Grant(
        id="g1", allow=allow, scope=Scope.HOST, lifetime=Lifetime.H1, words="w", created_at=1.0, note="ask me first"
    )
    decision = covered(a_decision(layer="egress_rules"), grant)
    assert (decision.verdict, decision.outcome, decision.grant) == (verdict, outcome, "g1")
    assert decision.reason.endswith(words)


@pytest.mark.parametrize(("comes_in", "verdict"), [(False, Verdict.REDACT), (True, Verdict.STRIP)])
def test_what_a_person_changed_goes_on_as_it_was_judged(comes_in: bool, verdict: Verdict) -> None:
    settled = Settled("t", Outcome.REDACTED, Answer(AnswerWord.EDIT, note="less", body=b"new"))
    decision = changed(a_decision(), settled, 7, b"new", comes_in)
    assert (decision.verdict, decision.body, decision.outcome) == (verdict, b"new", Outcome.REDACTED)
    assert (decision.note, decision.held_ms) == ("less", 7)
    assert decision.reason == "the operator sent it with another body"


def test_what_is_refused_after_a_person_changed_it_says_so() -> None:
    settled = Settled("t", Outcome.REDACTED, Answer(AnswerWord.REDACT))
    blocked = a_decision(verdict=Verdict.BLOCK, reason="a key", code=BlockReason.DLP_MATCH, status=403)
    decision = changed(blocked, settled, 7, b"new", comes_in=False)
    assert (decision.verdict, decision.code, decision.body) == (Verdict.BLOCK, BlockReason.DLP_MATCH, None)
    assert decision.reason == "the operator sent it without what was found, and that was refused: a key"
