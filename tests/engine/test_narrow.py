"""The narrowest suppression for a refusal, and the refusals that have none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipelock.config.suppressions_file import format_file, parse_file
from pipelock.detect.hosts import HostSet
from pipelock.detect.url_layers import UrlSettings
from pipelock.engine._suppress import Entry, Suppressions
from pipelock.engine.egress import Ruling
from pipelock.engine.narrow import propose
from pipelock.engine.rejudge import Judge, RuleBook
from pipelock.engine.settle import settle
from pipelock.engine.summary import summarise
from pipelock.model import Action, Category, Finding, Outcome, Record, Verdict
from tests.factories import a_decision, a_finding, a_policy, a_record, a_response, a_summary, an_action

NOW = 1_700_000_000.0
POLICY = a_policy(UrlSettings(entropy_threshold=0.0))
JWT = a_finding(scanner="body_dlp", rule="JWT Token", place="body")


def refused(action: Action, *findings: Finding) -> Record:
    decision = settle(action, POLICY, findings, Ruling(Verdict.ALLOW))
    return Record(at=NOW, action=summarise(action, decision), decision=decision)


@pytest.mark.parametrize(
    ("action", "finding", "path", "field"),
    [
        (an_action(), JWT, "http://example.com/path", "body"),
        (an_action(url="http://example.com/a/b?x=1#y"), JWT, "http://example.com/a/b", "body"),
        (an_action(url="https://example.com:8443/a", port=8443), JWT, "https://example.com:8443/a", "body"),
        (an_action(), {"scanner": "header_dlp", "place": "header:x-key"}, "http://example.com/path", "header:x-key"),
        (an_action(), {"scanner": "header_dlp", "place": "headers"}, "http://example.com/path", "headers"),
        (an_action(url="http://example.com/v1/items?t=x"), {"scanner": "dlp", "place": "url:query:t"},
         "http://example.com/v1/items", "url:query:t"),
        (an_action(url="http://example.com:8080/v1/items?t=x", port=8080), {"scanner": "dlp", "place": "url:query:t"},
         "http://example.com:8080/v1/items", "url:query:t"),
        (an_action(url="http://example.com/v1/Ab1/items?t=x"), {"scanner": "dlp", "place": "url:query:t"},
         "http://example.com/v1/*/items", "url:query:t"),
        (an_action(url="http://example.com/v1/xyz"), {"scanner": "dlp", "place": "url:path"},
         "http://example.com/*", "url:path"),
        (an_action(url="http://example.com/v1/xyz?q=1"), {"scanner": "entropy", "place": "url:query"},
         "http://example.com/v1/xyz", "url:query"),
        (a_response(), {"scanner": "response_scan", "place": "body"}, "http://example.com/path", "body"),
        (an_action(url="http://example.com/" + "a" * 1500), JWT, "http://example.com/" + "a" * 749 + "*", "body"),
    ],
)  # fmt: skip
def test_an_entry_is_as_narrow_as_the_record_allows(
    action: Action, finding: Finding | dict[str, Any], path: str, field: str
) -> None:
    one = finding if isinstance(finding, Finding) else msgspec.structs.replace(JWT, **finding)
    record = refused(action, one)
    made = propose(record, 0, 30, NOW, POLICY)
    assert made.entry is not None, made.words
    assert (made.entry.path, made.entry.field, made.entry.host) == (path, field, "example.com")
    assert made.entry.expires == "2023-12-14T22:13:20Z"
    assert parse_file(format_file((made.entry,)), "s.yaml") == (made.entry,)
    assert "JWT Token" in made.words
    assert "2023-12-14" in made.words
    # It does what it is for.
    entry = Entry(rule=made.entry.rule, path=path, hosts=HostSet(["example.com"]), field=field)
    policy = msgspec.structs.replace(POLICY, suppressions=Suppressions([entry]))
    if one.scanner != "entropy":  # which the policy does not look for
        assert Judge(POLICY, RuleBook({}, frozenset())).judge(record).verdict is Verdict.BLOCK
    assert Judge(policy, RuleBook({}, frozenset())).judge(record).verdict is Verdict.ALLOW


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (refused(an_action(), a_finding(rule="AWS Access ID", scanner="body_dlp")), "core floor"),
        (refused(an_action(), a_finding(rule="X", scanner="core_response")), "core floor"),
        (refused(an_action(), a_finding(rule="Private Address", scanner="ssrf", hard=True)), "trusted_domains"),
        (refused(an_action(), a_finding(rule="blocklist", scanner="blocklist", place="")), "blocklist"),
        (refused(an_action(), a_finding(rule="ratelimit", scanner="ratelimit", category=Category.PROTECTIVE)), "raise"),
        (refused(an_action(), *[msgspec.structs.replace(JWT) for _ in range(8)]), "so often"),
        (refused(an_action(url="http://u:p@example.com/"), JWT), "user name"),
        (a_record(decision=a_decision(verdict=Verdict.BLOCK, layer="egress_rules")), 'egress rule "asks"'),
        (a_record(decision=a_decision(verdict=Verdict.BLOCK, layer="egress_rules", rule="")), "egress_default"),
        (a_record(decision=a_decision(verdict=Verdict.BLOCK, layer="kill_switch", hint="release it")), "release it"),
        (a_record(), "let through"),
        (a_record(action=a_summary(host="[redacted].com"), decision=a_decision(findings=(JWT,))), "host was not kept"),
        (a_record(action=a_summary(url=""), decision=a_decision(findings=(JWT,))), "no URL"),
    ],
)
def test_some_refusals_no_entry_may_lift(record: Record, says: str) -> None:
    made = propose(record, 0, 30, NOW, POLICY)
    assert made.entry is None
    assert says in made.words


def test_another_finding_than_the_first_may_be_meant() -> None:
    other = msgspec.structs.replace(JWT, rule="Other", place="header:x")
    made = propose(refused(an_action(), JWT, other), 1, 7, NOW, POLICY)
    assert made.entry is not None
    assert made.entry.rule == "Other"
    with pytest.raises(IndexError):
        propose(refused(an_action(), JWT), 1, 7, NOW, POLICY)


def test_what_a_person_let_pass_may_be_lifted_too() -> None:
    decision = a_decision(verdict=Verdict.ALLOW, outcome=Outcome.APPROVED, findings=(JWT,), layer="body_dlp")
    assert propose(a_record(decision=decision), 0, 30, NOW, POLICY).entry is not None


def test_a_path_that_ends_in_a_slash_is_said_to_mean_all_below() -> None:
    made = propose(refused(an_action(url="http://example.com/"), JWT), 0, 30, NOW, POLICY)
    assert "everything below" in made.words
