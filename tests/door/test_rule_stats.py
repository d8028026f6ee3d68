from __future__ import annotations

from pipelock.door import rule_stats
from pipelock.door.rule_stats import RuleStats
from pipelock.engine._suppress import Entry, Suppressions
from pipelock.model import Verdict
from tests.factories import a_decision, a_finding, a_record, a_summary

ENTRIES = Suppressions(
    [Entry(rule="JWT", path="http://example.com/other", id="a"), Entry(rule="JWT", path="http://example.com/*", id="b")]
)
JWT = a_finding(rule="JWT", scanner="body_dlp", place="body")


def test_rules_are_counted_once_a_decision() -> None:
    stats = RuleStats()
    stats.decided(a_record(at=5.0, decision=a_decision(rule="asks", findings=(JWT, JWT))), ENTRIES)
    stats.decided(a_record(at=6.0, decision=a_decision(rule="asks")), ENTRIES)
    assert stats.detection == {"JWT": (1, 5.0)}
    assert stats.egress == {"asks": (2, 6.0)}


def test_the_entry_that_held_is_counted() -> None:
    stats = RuleStats()
    stats.decided(a_record(at=5.0, decision=a_decision(verdict=Verdict.ALLOW, rule="", suppressed=(JWT,))), ENTRIES)
    hidden = a_record(
        at=6.0,
        action=a_summary(url="http://example.com/[redacted]"),
        decision=a_decision(verdict=Verdict.ALLOW, rule="", suppressed=(JWT,)),
    )
    stats.decided(hidden, Suppressions([Entry(rule="JWT", path="http://example.com/x", id="c")]))
    assert stats.suppression == {"b": (1, 5.0), "c": (1, 6.0)}
    assert stats.detection == {"JWT": (2, 6.0)}


def test_names_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(rule_stats, "MAX_RULES", 2)
    stats = RuleStats()
    for name in ("a", "b", "c", "a"):
        stats.decided(a_record(at=1.0, decision=a_decision(rule=name)), ENTRIES)
    assert stats.egress == {"a": (2, 1.0), "b": (1, 1.0)}
