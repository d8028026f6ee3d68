from __future__ import annotations

import pytest

from pipelock.model import RuleKind, RuleRow
from pipelock_tui import testing
from pipelock_tui.rules.lines import (
    day_time,
    detail_lines,
    head_line,
    kind_line,
    left,
    matching,
    rule_line,
    unreviewed_lines,
)
from pipelock_tui.text import plain, width_of

NOW = testing.NOON
ZONE = testing.StillClock.zone


@pytest.mark.parametrize(
    ("kind", "word", "count"),
    [
        (None, "", 7),
        (RuleKind.GRANT, "", 2),
        (RuleKind.DETECTION, "aws", 1),
        (None, "EXAMPLE", 4),
        (None, "build cache", 1),
        (RuleKind.EGRESS, "aws", 0),
    ],
)
def test_lists_and_words(kind: RuleKind | None, word: str, count: int) -> None:
    assert len(matching(testing.rules(), kind, word)) == count


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "never"), (-5, "expired"), (40, "40 s"), (1_800, "30 min"), (90_000, "25 h"), (20 * 86_400, "20 d")],
)
def test_how_long_it_still_holds(seconds: float, expected: str) -> None:
    assert left(NOW + seconds if seconds else 0.0, NOW) == expected


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_rows_fit_every_width(width: int) -> None:
    assert width_of(head_line(width)) <= max(width, 46)
    for row in testing.rules():
        drawn = rule_line(row, width, NOW)
        assert width_of(drawn) <= max(width, 45)
        assert row.action in plain(drawn)


def test_the_open_list_is_marked_with_counts() -> None:
    shown = plain(kind_line(RuleKind.GRANT, testing.rules(), 120, word="x"))
    assert shown == ' RULES  All 7  Detection 3  Egress 1  Suppressions 1 [Grants 2]  with "x"'
    assert width_of(kind_line(None, testing.rules(), 60)) <= 60


def test_a_rule_in_full() -> None:
    suppression = next(row for row in testing.rules() if row.kind is RuleKind.SUPPRESSION)
    shown = "\n".join(plain(line) for line in detail_lines(suppression, NOW, ZONE))
    for words in (
        "SUPPRESSIONS  High Entropy",
        "41 since the daemon started, last 5 min 0 s ago",
        "2026-10-11 14:13:20 (20 d)",
        "suppressions.yaml, id s1",
        "signed links of the build cache",
    ):
        assert words in shown
    quiet = RuleRow(kind=RuleKind.DETECTION, name="n")
    assert "none since the daemon started" in "\n".join(plain(line) for line in detail_lines(quiet, NOW))


def test_what_somebody_else_changed_is_loud_and_bounded() -> None:
    assert unreviewed_lines((), "V") == []
    lines = unreviewed_lines(["+ allow: *", "- deny: x", *(f"  {n}" for n in range(50))], "V", most=4)
    shown = [plain(line) for line in lines]
    assert "approvals.yaml WAS CHANGED" in shown[0]
    assert shown[-1] == "   … and 48 more lines"
    assert [line[0].role for line in lines[1:3]] == ["allow", "block"]


def test_text_of_others_is_escaped() -> None:
    row = RuleRow(kind=RuleKind.GRANT, name="a\x1b[2Jb", where="\u202e", note="\x07")
    shown = plain(rule_line(row, 80, NOW)) + "".join(plain(line) for line in detail_lines(row, NOW))
    assert all(char.isprintable() for char in shown)


def test_moments_out_of_reach() -> None:
    assert day_time(1e20) == "--"
