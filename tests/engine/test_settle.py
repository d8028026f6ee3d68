from __future__ import annotations

import pytest

from pipelock.engine.egress import Ruling
from pipelock.engine.settle import code_for, hint_for, refuse, settle
from pipelock.model import BlockReason, Severity, Verdict
from tests.factories import a_finding, a_policy, a_response, an_action

ALLOW = Ruling(Verdict.ALLOW)


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ("body_dlp", BlockReason.DLP_MATCH),
        ("header_dlp", BlockReason.DLP_MATCH),
        ("response_scan", BlockReason.PROMPT_INJECTION),
        ("core_response", BlockReason.PROMPT_INJECTION),
        ("egress_rules", BlockReason.REQUEST_POLICY_DENY),
        ("entropy", BlockReason.PATH_ENTROPY),
        ("ssrf", BlockReason.SSRF_PRIVATE_IP),
        ("never heard of", BlockReason.PARSE_ERROR),
    ],
)
def test_every_layer_has_a_code_and_a_way_out(layer: str, code: BlockReason) -> None:
    assert code_for(layer) is code
    assert bool(hint_for(a_policy(), layer)) is (layer != "never heard of")


def test_the_strictest_finding_decides_and_comes_first() -> None:
    mild = a_finding(scanner="body_dlp", rule="mild", severity=Severity.LOW)
    bad = a_finding(scanner="body_dlp", rule="bad")
    worse = a_finding(scanner="body_dlp", rule="worse")
    decision = settle(an_action(), a_policy(), (mild, bad, worse), ALLOW)
    assert [finding.rule for finding in decision.findings] == ["bad", "mild", "worse"]
    assert (decision.verdict, decision.reason, decision.hard) == (Verdict.BLOCK, bad.message, False)


def test_a_finding_speaks_before_a_rule_of_equal_strictness_and_the_rule_is_named() -> None:
    decision = settle(an_action(), a_policy(), (a_finding(),), Ruling(Verdict.BLOCK, "no"))
    assert (decision.layer, decision.code, decision.rule) == ("dlp", BlockReason.DLP_MATCH, "no")
    decision = settle(an_action(), a_policy(), (a_finding(warns=True),), Ruling(Verdict.WARN, "eye"))
    assert (decision.layer, decision.rule, decision.code) == ("dlp", "eye", None)


def test_a_hard_finding_and_an_ask_rule_make_a_block() -> None:
    decision = settle(an_action(), a_policy(), (a_finding(hard=True),), Ruling(Verdict.ASK, "ask"))
    assert (decision.verdict, decision.hard, decision.layer) == (Verdict.BLOCK, True, "dlp")


def test_a_soft_finding_and_an_ask_rule_in_audit_make_a_warning() -> None:
    decision = settle(an_action(), a_policy(enforce=False), (a_finding(),), Ruling(Verdict.ASK, "ask"))
    assert (decision.verdict, decision.enforced) == (Verdict.WARN, False)


def test_a_strip_in_a_response_without_body_is_a_block() -> None:
    finding = a_finding(scanner="response_scan", place="body")
    decision = settle(a_response(), a_policy(response_action=Verdict.STRIP), (finding,), ALLOW)
    assert (decision.verdict, decision.code, decision.status) == (Verdict.BLOCK, BlockReason.PROMPT_INJECTION, 403)


def test_a_ruling_about_a_response_gives_its_own_reason() -> None:
    decision = settle(a_response(), a_policy(), (), Ruling(Verdict.BLOCK, "r", "because"))
    assert decision.reason == "because"


def test_a_refusal_names_its_code_as_its_layer_unless_told() -> None:
    decision = refuse(an_action(), a_policy(), BlockReason.TIMEOUT, "late")
    assert (decision.verdict, decision.layer, decision.status, decision.hard) == (Verdict.BLOCK, "timeout", 403, True)
    assert refuse(an_action(), a_policy(), BlockReason.TIMEOUT, "late", layer="x", hard=False).layer == "x"


def test_a_hint_names_no_setting_that_would_not_help() -> None:
    assert "suppress" in hint_for(a_policy(), "body_dlp", "JWT Token")
    assert "core floor" in hint_for(a_policy(), "body_dlp", "GitHub Token")
    assert "core floor" in hint_for(a_policy(), "header_dlp", "aws access id")
