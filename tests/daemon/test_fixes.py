"""Proposals: what is said of them, what they are tried on, how long they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipelock.config import loads
from pipelock.config.schema_scanning import Suppression
from pipelock.daemon.fixes import FORGET_SECONDS, MAX_EXAMPLES, REPLAY_SECONDS, Fixes
from pipelock.engine import Policy
from pipelock.engine.compile import suppressions_of
from pipelock.engine.egress import EgressRule, EgressRules
from pipelock.model import Fix, Record, Verdict
from tests.factories import a_decision, a_finding, a_policy, a_record, a_summary

NOW = 1_700_000_000.0
JWT = a_finding(scanner="body_dlp", rule="JWT Token", place="body")
OTHER = a_finding(scanner="body_dlp", rule="Other Token", place="body")
CONFIG = loads("", "test").config
POLICY = a_policy(body_action=Verdict.BLOCK)


def refused(number: int, path: str = "/items", findings: tuple[Any, ...] = (JWT,), **summary: Any) -> Record:
    action = a_summary(id=f"a-{number}", url=f"http://example.com{path}", **summary)
    decision = a_decision(verdict=Verdict.BLOCK, layer="body_dlp", rule="", findings=findings)
    return a_record(at=NOW - number, action=action, decision=decision)


def proposed(fixes: Fixes, record: Record, *others: Record, policy: Policy = POLICY) -> Fix:
    return fixes.make(record, 0, 30, NOW, config=CONFIG, policy=policy, others=lambda _rule: others)


def test_what_else_refuses_is_said() -> None:
    fix = proposed(Fixes(), refused(1, findings=(JWT, OTHER)))
    assert (fix.possible, fix.verdict) == (True, Verdict.BLOCK)
    assert fix.words.endswith("This action is refused all the same, by Other Token.")


def test_what_asks_about_it_is_not_called_a_refusal() -> None:
    asks = EgressRules((EgressRule(name="posts", action=Verdict.ASK),), Verdict.ALLOW)
    policy = a_policy(body_action=Verdict.BLOCK, egress=asks)
    fix = proposed(Fixes(), refused(1, method="POST"), policy=policy)
    assert fix.verdict is Verdict.ASK
    assert fix.words.endswith("This action is asked about all the same, by posts.")


def test_others_are_those_that_are_refused_today_too() -> None:
    record = refused(1)
    passed = a_record(action=a_summary(id="a-2"))
    excused = refused(3, "/excused")
    policy = a_policy(
        body_action=Verdict.BLOCK,
        suppressions=suppressions_of(
            loads("suppress: [{rule: JWT Token, path: 'http://example.com/excused'}]", "test").config
        ),
    )
    fix = proposed(Fixes(), record, record, passed, excused, refused(4), refused(5, "/elsewhere"), policy=policy)
    assert (fix.others, fix.unblocked, fix.unknown) == (2, 1, 0)
    assert fix.since == NOW - 5
    assert fix.examples[0].endswith("10.1.1.1  GET http://example.com/items")


def test_a_few_examples_do() -> None:
    fix = proposed(Fixes(), refused(1), *(refused(number) for number in range(2, 20)))
    assert (fix.unblocked, len(fix.examples)) == (18, MAX_EXAMPLES)


def test_the_history_is_looked_through_for_a_while_only() -> None:
    now = 0.0

    def others(_rule: str) -> Iterator[Record]:
        nonlocal now
        for number in range(2, 1000):
            now += REPLAY_SECONDS / 4
            yield refused(number)

    fix = Fixes(lambda: now).make(refused(1), 0, 30, NOW, config=CONFIG, policy=POLICY, others=others)
    assert (fix.others, fix.since) == (4, NOW - 5)


def test_proposals_are_forgotten_in_time() -> None:
    now = 0.0
    fixes = Fixes(lambda: now)
    fix = proposed(fixes, refused(1))
    now = FORGET_SECONDS - 1
    assert isinstance(fixes.get(fix.id), Suppression)
    now = FORGET_SECONDS
    assert fixes.get(fix.id) is None
    assert fixes.get("never was") is None


def test_what_was_applied_is_no_proposal_any_more() -> None:
    fixes = Fixes()
    fix = proposed(fixes, refused(1))
    fixes.applied(fix.id)
    assert fixes.get(fix.id) is None


def test_so_many_proposals_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.daemon.fixes.MAX_PROPOSALS", 3)
    fixes = Fixes(lambda: 0.0)
    made = [proposed(fixes, refused(1)).id for _ in range(5)]
    assert [fixes.get(each) is None for each in made] == [True, True, False, False, False]
