from __future__ import annotations

import msgspec
import pytest

from pipelock.engine.cross_request import BUDGET_RULE
from pipelock.engine.sessions.scoring import is_clean, is_tool, signal_of
from pipelock.model import Action, BlockReason, Category, Decision, Kind, Outcome, Severity, Verdict
from tests.engine.sessions.scene import ALLOWED, blocked, warned
from tests.factories import a_finding, a_response, an_action

DNS = a_finding(scanner="ssrf", category=Category.INFRASTRUCTURE)
LIMIT = a_finding(scanner="ratelimit", category=Category.PROTECTIVE)
MISTAKE = a_finding(scanner="ssrf", category=Category.CONFIG_MISMATCH)
ORDER = a_finding(scanner="response_scan", severity=Severity.HIGH)
PIECES = a_finding(scanner="cross_request", rule="AWS Access ID")
NOISE = a_finding(scanner="cross_request", rule=BUDGET_RULE)
SEEN = a_finding(scanner="media_policy", severity=Severity.INFO)
UNLISTED = a_finding(scanner="allowlist")
BY_RULE = Decision(
    action_id="t-1", verdict=Verdict.BLOCK, layer="egress_rules", code=BlockReason.REQUEST_POLICY_DENY, status=403
)


def bare(layer: str) -> Decision:
    return msgspec.structs.replace(BY_RULE, layer=layer)


SIGNALS = [
    pytest.param(blocked(), ("hard_block", 3.0), id="a-refused-threat"),
    pytest.param(blocked(ORDER), ("hard_block", 3.0), id="an-order-in-an-answer"),
    pytest.param(blocked(PIECES), ("fragment_dlp", 3.0), id="a-secret-in-pieces"),
    pytest.param(warned(PIECES), ("fragment_dlp", 3.0), id="a-secret-in-pieces-that-is-warned-of"),
    pytest.param(blocked(NOISE), ("entropy_budget", 2.0), id="noise"),
    pytest.param(warned(NOISE), ("entropy_budget", 2.0), id="noise-that-is-warned-of"),
    pytest.param(blocked(a_finding(), NOISE), ("hard_block", 3.0), id="the-highest-of-two"),
    pytest.param(warned(ORDER, verdict=Verdict.STRIP), ("strip", 2.0), id="a-cleaned-answer"),
    pytest.param(warned(), ("near_miss", 1.0), id="a-warning"),
    pytest.param(blocked(MISTAKE), ("near_miss", 1.0), id="a-mistake-of-settings"),
    pytest.param(blocked(UNLISTED), ("near_miss", 1.0), id="a-host-that-is-not-listed"),
    pytest.param(BY_RULE, ("near_miss", 1.0), id="an-egress-rule-refuses"),
    pytest.param(blocked(a_finding(), layer="egress_rules"), ("near_miss", 1.0), id="and-something-was-found"),
    pytest.param(blocked(LIMIT, layer="egress_rules"), ("near_miss", 1.0), id="or-only-a-limit"),
    pytest.param(bare("sni_mismatch"), ("hard_block", 3.0), id="another-name-in-the-handshake"),
    pytest.param(blocked(upgraded=Verdict.WARN), ("near_miss", 1.0), id="an-upgrade-counts-as-what-it-was"),
    pytest.param(warned(enforced=False), ("near_miss", 1.0), id="audit-mode"),
    pytest.param(blocked(DNS), None, id="no-address"),
    pytest.param(blocked(LIMIT), None, id="a-limit"),
    pytest.param(warned(SEEN, verdict=Verdict.ALLOW), None, id="for-the-record-alone"),
    pytest.param(warned(verdict=Verdict.REDACT), None, id="what-was-redacted-does-not-go-out"),
    pytest.param(bare("kill_switch"), None, id="kill-switch"),
    pytest.param(bare("parser"), None, id="a-malformed-request"),
    pytest.param(bare("timeout"), None, id="a-stalled-upstream"),
    pytest.param(bare("recorder"), None, id="a-full-disk"),
    pytest.param(bare("airlock"), None, id="the-airlock-feeds-nothing"),
    pytest.param(bare("escalation"), None, id="nor-does-a-level"),
    pytest.param(bare("budget"), None, id="nor-does-a-budget"),
    pytest.param(bare("session"), None, id="nor-does-a-burst"),
    pytest.param(ALLOWED, None, id="clean"),
    *(pytest.param(blocked(outcome=one), None, id=f"held-{one.value}") for one in Outcome),
]


@pytest.mark.parametrize(("decision", "expected"), SIGNALS)
def test_what_counts(decision: Decision, expected: tuple[str, float] | None) -> None:
    signal = signal_of(an_action(), decision)
    assert (signal and (signal.type, signal.points)) == expected


def test_a_question_about_a_text_says_nothing_about_who_asks() -> None:
    assert signal_of(an_action(kind=Kind.SCAN), blocked()) is None


@pytest.mark.parametrize(
    ("action", "decision", "expected"),
    [
        (an_action(), ALLOWED, True),
        (a_response(), ALLOWED, False),
        (an_action(kind=Kind.CONNECT), ALLOWED, False),
        (an_action(), warned(), False),
        (an_action(), blocked(), False),
        (an_action(), msgspec.structs.replace(ALLOWED, outcome=Outcome.APPROVED), False),
    ],
)
def test_what_is_clean(action: Action, decision: Decision, *, expected: bool) -> None:
    assert is_clean(action, decision) is expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        ("curl/8.5.0", True),
        ("git/2.43.0", True),
        ("pip/24.0 {}", True),
        ("Debian APT-HTTP/1.3 (2.7.14)", True),
        ("yt-dlp/2024.1", True),
        ("python-requests/2.31", False),
        ("Mozilla/5.0 curl", False),
        ("", False),
    ],
)
def test_tools_by_what_they_say(agent: str, *, expected: bool) -> None:
    assert is_tool(an_action(headers=(("accept", "*/*"), ("user-agent", agent)))) is expected
