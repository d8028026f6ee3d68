from __future__ import annotations

import pytest

from pipelock.engine.rejudge import Judge, RuleBook
from pipelock.engine.time_machine import MAX_EXAMPLES, MAX_GROUPS, Changes, compare, compared, direction
from pipelock.model import Record, Verdict
from tests.factories import a_decision, a_finding, a_policy, a_record, a_summary

FOUND = a_finding(scanner="body_dlp", rule="Fake Key", place="body")


def refused(host: str = "example.com", number: int = 0) -> Record:
    action = a_summary(id=f"a-{number}", host=host, url=f"http://{host}/x")
    decision = a_decision(verdict=Verdict.BLOCK, layer="body_dlp", rule="", findings=(FOUND,))
    return a_record(at=100.0 + number, action=action, decision=decision)


def judged(records: list[Record], **policy: object) -> Changes:
    return compare(records, Judge(a_policy(**policy), RuleBook({}, frozenset())))


def test_what_changes_is_grouped_by_rule_and_host() -> None:
    records = [refused(number=number) for number in reversed(range(5))] + [refused("other.test"), a_record(at=50.0)]
    changes = judged(records, scan_bodies=False)
    assert (changes.looked_at, changes.same, changes.weaker, changes.stricter) == (7, 1, 6, 0)
    assert (changes.first_at, changes.last_at) == (50.0, 104.0)
    assert [(group.rule, group.host, group.count, group.direction) for group in changes.groups] == [
        ("Fake Key", "example.com", 5, "weaker"),
        ("Fake Key", "other.test", 1, "weaker"),
    ]
    assert [example.id for example in changes.groups[0].examples] == ["a-4", "a-3", "a-2"]
    assert len(changes.groups[0].examples) == MAX_EXAMPLES


def test_the_same_policy_changes_nothing() -> None:
    changes = judged([refused(), a_record()])
    assert (changes.changed, changes.same, changes.groups) == (0, 2, [])


def test_nothing_to_look_at_is_no_change() -> None:
    assert judged([]).looked_at == 0


def test_groups_are_bounded() -> None:
    changes = judged([refused(f"h{number}.test") for number in range(MAX_GROUPS + 5)], scan_bodies=False)
    assert (len(changes.groups), changes.others, changes.weaker) == (MAX_GROUPS, 5, MAX_GROUPS + 5)


def test_how_far_it_is_can_be_told() -> None:
    judge = Judge(a_policy(), RuleBook({}, frozenset()))
    assert [changes.looked_at for changes in compared([a_record(), a_record()], judge)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("then", "now", "way"),
    [
        (Verdict.BLOCK, Verdict.ALLOW, "weaker"),
        (Verdict.BLOCK, Verdict.ASK, "weaker"),
        (Verdict.ALLOW, Verdict.WARN, "stricter"),
        (Verdict.ASK, Verdict.BLOCK, "stricter"),
    ],
)
def test_direction(then: Verdict, now: Verdict, way: str) -> None:
    assert direction(then, now) == way
