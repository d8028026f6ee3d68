"""Records judged again: by the same policy as before, by another one as it would have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.hosts import HostSet
from pipelock.detect.ruleset import Rule
from pipelock.detect.url_layers import UrlSettings
from pipelock.engine import Answers, Engine, Facts, KillSwitch, Lookup, Policy, summarise
from pipelock.engine._suppress import Entry, Suppressions
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.engine.rejudge import Judge, Rejudged, RuleBook, verdict_then
from pipelock.model import Action, BlockReason, Decision, Kind, Outcome, Record, Severity, Verdict
from tests.factories import (
    FAKE_KEY,
    FAKE_ORDER,
    FakeInjection,
    FakeSecrets,
    a_decision,
    a_finding,
    a_policy,
    a_record,
    a_response,
    an_action,
)

WALL = 1_700_000_000.0
BOOK = RuleBook(rules={}, known=frozenset())
RULE = Rule(name="Fake Key", pattern="fake_key", severity=Severity.CRITICAL)


def recorded(action: Action, policy: Policy, addresses: Sequence[str] = ("93.184.215.14",)) -> Record:
    facts = Facts(now=1.0, wall=WALL)
    outcome = Engine(policy, KillSwitch()).adjudicate(action, facts)
    decision = outcome.resume(Answers(tuple(addresses)), facts) if isinstance(outcome, Lookup) else outcome
    plain = msgspec.structs.replace(decision, body=None)
    return Record(at=WALL, action=summarise(action, plain), decision=plain)


def again(record: Record, policy: Policy, book: RuleBook = BOOK) -> Rejudged:
    return Judge(policy, book).judge(record)


def suppressing(**entry: Any) -> Suppressions:
    return Suppressions([Entry(**{"rule": "Fake Key", "path": "*", **entry})])


QUERY = an_action(url=f"https://example.com/v1/models/list?token={FAKE_KEY}", port=443)
PATH = an_action(url=f"https://example.com/v1/{FAKE_KEY}/list", port=443)
BODY = an_action(method="POST", body=FAKE_KEY.encode())
HEADER = an_action(headers=(("x-key", FAKE_KEY),))
ORDER = a_response(body=FAKE_ORDER.encode(), url="http://example.com/path")
TUNNEL = an_action(kind=Kind.CONNECT, method="CONNECT", url="https://example.com:443/", port=443)
PLAIN = {"settings": UrlSettings(entropy_threshold=0.0)}
NOT_HERE = EgressRules([EgressRule("no", Verdict.BLOCK, HostSet(["example.com"]))], Verdict.ALLOW)
ASKS = EgressRules([], Verdict.ASK)
BY_PATH = EgressRules([EgressRule("p", Verdict.BLOCK, path="/path")], Verdict.ALLOW)


@pytest.mark.parametrize(
    ("action", "then", "now", "verdict", "layer"),
    [
        (an_action(), {}, {}, Verdict.ALLOW, ""),
        (an_action(), {}, {"egress": NOT_HERE}, Verdict.BLOCK, "egress_rules"),
        (an_action(), {"egress": NOT_HERE}, {}, Verdict.ALLOW, ""),
        (an_action(), {}, {"egress": ASKS}, Verdict.ASK, "egress_rules"),
        (an_action(), {}, {"egress": BY_PATH}, Verdict.BLOCK, "egress_rules"),
        (TUNNEL, {}, {"egress": NOT_HERE}, Verdict.BLOCK, "egress_rules"),
        (an_action(), {}, {"settings": UrlSettings(blocklist=("example.com",))}, Verdict.BLOCK, "blocklist"),
        (an_action(), {}, {"settings": UrlSettings(max_url_length=5)}, Verdict.BLOCK, "length"),
        (an_action(), {"settings": UrlSettings(max_url_length=5)}, {}, Verdict.ALLOW, ""),
        (an_action(), {}, {"settings": UrlSettings(internal=("93.184.0.0/16",))}, Verdict.BLOCK, "ssrf"),
        (an_action(), {"settings": UrlSettings(blocklist=("example.com",))}, {}, None, ""),
        (QUERY, {}, {}, Verdict.BLOCK, "dlp"),
        (QUERY, {}, {"enforce": False}, Verdict.WARN, "dlp"),
        (BODY, {}, {"scan_bodies": False}, Verdict.ALLOW, ""),
        (HEADER, {}, {"scan_headers": False}, Verdict.ALLOW, ""),
        (HEADER, {}, {"header_all": False, "header_names": frozenset({"x-key"})}, Verdict.BLOCK, "header_dlp"),
        (HEADER, {}, {"header_all": True, "header_names": frozenset({"x-key"})}, Verdict.ALLOW, ""),
        (ORDER, {}, {"scan_responses": False}, Verdict.ALLOW, ""),
        (ORDER, {}, {"response_action": Verdict.WARN}, Verdict.WARN, "response_scan"),
        (ORDER, {}, {"response_exempt": HostSet(["example.com"])}, Verdict.ALLOW, ""),
        (ORDER, {"response_action": Verdict.WARN}, {}, Verdict.BLOCK, "response_scan"),
        (BODY, {"suppressions": suppressing()}, {}, Verdict.BLOCK, "body_dlp"),
        (BODY, {}, {"suppressions": suppressing()}, Verdict.ALLOW, ""),
        (BODY, {}, {"suppressions": suppressing(path="http://example.com/path")}, Verdict.ALLOW, ""),
        (BODY, {}, {"suppressions": suppressing(path="http://example.com/other")}, Verdict.BLOCK, "body_dlp"),
        (BODY, {}, {"suppressions": suppressing(hosts=HostSet(["elsewhere.test"]))}, Verdict.BLOCK, "body_dlp"),
        (BODY, {}, {"suppressions": suppressing(field="body")}, Verdict.ALLOW, ""),
        (BODY, {}, {"suppressions": suppressing(field="body:user.name")}, None, "body_dlp"),
        (BODY, {}, {"suppressions": suppressing(expires=WALL - 1)}, Verdict.BLOCK, "body_dlp"),
        (QUERY, {}, {"suppressions": suppressing()}, Verdict.BLOCK, "dlp"),
        (QUERY, {}, {"suppressions": suppressing(field="url:query:token"), **PLAIN}, Verdict.ALLOW, ""),
        (QUERY, {}, {"suppressions": suppressing(field="url:*", path="https://example.com/v1/"), **PLAIN}, Verdict.ALLOW, ""),
        (
            QUERY, {}, {"suppressions": suppressing(field="url:*", path="https://example.com/v2/")},
            Verdict.BLOCK, "dlp",
        ),
        (QUERY, {}, {"suppressions": suppressing(field="url:*", path="https://a.test/")}, Verdict.BLOCK, "dlp"),
        (QUERY, {}, {"suppressions": suppressing(field="url:*")}, None, ""),
        (QUERY, {}, {"suppressions": suppressing(field="url:*"), "egress": BY_PATH, **PLAIN}, Verdict.ALLOW, ""),
        (PATH, {}, {"suppressions": suppressing(field="url:*"), "egress": BY_PATH, **PLAIN}, None, ""),
        (
            QUERY, {},
            {"suppressions": suppressing(field="url:*"),
             "settings": UrlSettings(query_entropy_exclusions=("example.com",))},
            Verdict.ALLOW, "",
        ),
        (PATH, {}, {"suppressions": suppressing(field="url:path", path="https://example.com/v1/")}, None, "dlp"),
        (PATH, {}, {"suppressions": suppressing(field="url:*", path="https://example.com/*"), **PLAIN}, Verdict.ALLOW, ""),
    ],
)  # fmt: skip
def test_another_policy(
    action: Action, then: dict[str, Any], now: dict[str, Any], verdict: Verdict | None, layer: str
) -> None:
    record = recorded(action, a_policy(**then))
    said = again(record, a_policy(**now))
    assert (said.verdict, said.layer) == (verdict, layer)
    assert bool(said.why) or verdict is not None


def test_a_rule_that_is_gone_finds_nothing() -> None:
    record = recorded(BODY, a_policy())
    assert again(record, a_policy(), RuleBook({}, frozenset({"fake key"}))).verdict is Verdict.ALLOW
    assert again(record, a_policy(), RuleBook({"fake key": RULE}, frozenset({"fake key"}))).verdict is Verdict.BLOCK


def test_a_rule_may_ask_for_less_or_spare_a_host() -> None:
    warning = msgspec.structs.replace(RULE, warns=True)
    sparing = msgspec.structs.replace(RULE, exempt=("example.com",))
    record = recorded(QUERY, a_policy())
    assert again(record, a_policy(**PLAIN), RuleBook({"fake key": warning}, frozenset())).verdict is Verdict.WARN
    assert again(record, a_policy(), RuleBook({"fake key": sparing}, frozenset())).verdict is None
    said = again(record, a_policy(**PLAIN), RuleBook({"fake key": sparing}, frozenset()))
    assert said.verdict is Verdict.ALLOW
    assert "not looked at" in said.why


def test_an_entropy_threshold_is_held_against_what_was_measured() -> None:
    action = an_action(url="http://example.com/?k=aB3dE6gH9jK2mN5pQ8sT1vW4yZ7xC0fL")
    record = recorded(action, a_policy(UrlSettings(entropy_threshold=4.0)))
    assert record.decision.layer == "entropy"
    for threshold, verdict in ((4.0, Verdict.BLOCK), (7.9, Verdict.ALLOW), (0.0, Verdict.ALLOW)):
        assert again(record, a_policy(UrlSettings(entropy_threshold=threshold))).verdict is verdict
    spared = UrlSettings(entropy_threshold=4.0, query_entropy_exclusions=("example.com",))
    assert again(record, a_policy(spared)).verdict is Verdict.ALLOW


def test_a_private_address_is_told_from_settings_alone() -> None:
    record = recorded(an_action(), a_policy(), ["10.0.0.8"])
    assert record.decision.layer == "ssrf"
    assert again(record, a_policy()).verdict is Verdict.BLOCK
    assert again(record, a_policy(UrlSettings(trusted_domains=("example.com",)))).verdict is None
    assert again(record, a_policy(UrlSettings(ip_allowlist=("10.0.0.0/8",)))).verdict is None


def test_limits_depend_on_what_was_not_recorded() -> None:
    limited = a_policy(max_requests_per_minute=1)
    record = a_record(
        decision=Decision(
            action_id="t-1",
            verdict=Verdict.BLOCK,
            layer="ratelimit",
            code=BlockReason.RATE_LIMIT,
            findings=(a_finding(scanner="ratelimit", rule="ratelimit", place=""),),
        )
    )
    said = again(record, limited)
    assert said.verdict is None
    assert "limits" in said.why
    assert again(record, a_policy()).verdict is Verdict.ALLOW


@pytest.mark.parametrize("layer", ["kill_switch", "airlock", "escalation", "budget", "parser", "recorder"])
def test_what_no_policy_decides_stays(layer: str) -> None:
    record = a_record(decision=a_decision(verdict=Verdict.BLOCK, layer=layer, rule="", findings=()))
    assert again(record, a_policy()).verdict is Verdict.BLOCK


def test_what_was_asked_is_compared_with_what_would_be_asked() -> None:
    record = recorded(an_action(), a_policy(egress=ASKS))
    answered = msgspec.structs.replace(
        record, decision=msgspec.structs.replace(record.decision, verdict=Verdict.ALLOW, outcome=Outcome.APPROVED)
    )
    assert verdict_then(answered) is Verdict.ASK
    assert again(answered, a_policy(egress=ASKS)).verdict is Verdict.ASK
    assert again(answered, a_policy()).verdict is Verdict.ALLOW


def test_what_a_session_made_stricter_is_compared_with_what_it_was() -> None:
    decision = a_decision(verdict=Verdict.BLOCK, upgraded=Verdict.WARN, rule="")
    assert verdict_then(a_record(decision=decision)) is Verdict.WARN


_EGRESS = st.sampled_from([EgressRules([], Verdict.ALLOW), NOT_HERE, ASKS, BY_PATH])
_SUPPRESS = st.sampled_from([
    Suppressions(), suppressing(), suppressing(field="url:*"), suppressing(field="url:query:token", path="*/v1/*"),
    suppressing(field="body:a"), suppressing(path="https://example.com/v1/"),
])  # fmt: skip
_SETTINGS = st.builds(
    UrlSettings,
    blocklist=st.sampled_from([(), ("example.com",)]),
    max_url_length=st.sampled_from([0, 30, 2048]),
    entropy_threshold=st.sampled_from([0.0, 3.0, 4.5]),
    mode_strict=st.booleans(),
    api_allowlist=st.sampled_from([(), ("example.com",)]),
    trusted_domains=st.sampled_from([(), ("example.com",)]),
)
_POLICIES = st.builds(
    lambda settings, egress, suppressions, enforce, action, responses, warns: a_policy(
        settings,
        egress=egress,
        suppressions=suppressions,
        enforce=enforce,
        response_action=action,
        scan_responses=responses,
        secrets=FakeSecrets(warns=warns),
        injection=FakeInjection(hidden=warns),
    ),
    _SETTINGS,
    _EGRESS,
    _SUPPRESS,
    st.booleans(),
    st.sampled_from([Verdict.WARN, Verdict.STRIP, Verdict.ASK, Verdict.BLOCK]),
    st.booleans(),
    st.booleans(),
)
_ACTIONS = st.sampled_from(
    [an_action(), QUERY, PATH, BODY, HEADER, ORDER, TUNNEL, a_response(body=b"fine"),
     an_action(url="ftp://example.com/"), an_action(url="http://10.0.0.1/", host="10.0.0.1"),
     an_action(url=f"http://{FAKE_KEY}.example.com/", host=f"{FAKE_KEY}.example.com"),
     an_action(url=f"http://u:{FAKE_KEY}@example.com/"), an_action(url="http://example.com/" + "a" * 3000),
     an_action(url=f"http://example.com/path?q={FAKE_KEY}", method="POST", body=FAKE_KEY.encode())]
)  # fmt: skip


@settings(max_examples=150)
@given(_ACTIONS, _POLICIES, st.sampled_from(["93.184.215.14", "10.0.0.8"]))
def test_the_same_policy_says_the_same_or_that_it_cannot_tell(action: Action, policy: Policy, address: str) -> None:
    record = recorded(action, policy, [address])
    said = again(record, policy)
    assert said.verdict in {None, record.decision.verdict}
    assert said.verdict is not None or said.why
