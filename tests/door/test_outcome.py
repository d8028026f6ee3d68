from __future__ import annotations

import pytest

from pipelock.door._outcome import allowed, concluded, denied
from pipelock.engine import Settled
from pipelock.model import Answer, AnswerWord, BlockReason, Outcome, Verdict
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
    assert allowed(a_decision(findings=(a_finding(),)), Outcome.APPROVED).verdict is Verdict.WARN
    assert allowed(a_decision(), Outcome.APPROVED).verdict is Verdict.ALLOW
