from __future__ import annotations

import msgspec

from pipelock.model import Fix, Verdict
from pipelock_tui import testing
from pipelock_tui.text import plain
from pipelock_tui.traffic.fixing import DAYS, days_line, fix_lines, places_of, title_line

ZONE = testing.StillClock.zone


def text(fix: Fix) -> str:
    return "\n".join(plain(line) for line in fix_lines(fix, 30, ZONE))


def test_a_proposal_says_what_else_it_would_let_through() -> None:
    shown = text(testing.fix())
    for words in (
        "AWS Access ID is not looked for in the query field token",
        "[30 d]",
        "would be: ✓ allow",
        "would also un-block 2 of 9 others since 2026-09-14 14:13:20; 1 could not be judged again",
        "2026-09-20 14:14 POST collector.example.net/v1",
        "  - rule: AWS Access ID",
    ):
        assert words in shown


def test_nothing_else_was_refused_for_it() -> None:
    alone = msgspec.structs.replace(testing.fix(), others=0, unblocked=0, examples=(), unknown=0)
    assert "no other refusal for this rule is recorded" in text(alone)


def test_a_fix_that_does_not_help_says_so() -> None:
    still = msgspec.structs.replace(testing.fix(), verdict=Verdict.BLOCK, unblocked=0)
    assert "would still be refused, as far as the record tells" in text(still)
    assert [part.role for line in fix_lines(still, 30) for part in line if "un-block" in part.text] == ["warn"]


def test_where_the_record_cannot_tell_nothing_is_claimed() -> None:
    unknown = text(msgspec.structs.replace(testing.fix(), verdict=None))
    assert "may pass or be refused for something else: the record can't tell" in unknown
    assert "would still be refused" not in unknown
    assert "would be:" not in unknown


def test_what_no_suppression_may_lift() -> None:
    hard = Fix(id="", action_id="a", possible=False, words="A private address is never reached.")
    assert "A private address is never reached." in text(hard)
    assert "TO BE WRITTEN" not in text(hard)
    assert [plain(title_line(fix)) for fix in (hard, testing.fix(), None)] == [
        " NO SUPPRESSION MAY LIFT THIS ",
        *[" KEEP THIS FROM HAPPENING AGAIN? "] * 2,
    ]


def test_findings_of_one_rule_in_one_place_are_lifted_by_one_entry() -> None:
    found = testing.FINDING
    header = msgspec.structs.replace(found, place="header:x")
    again = msgspec.structs.replace(found, path=("base64",))
    assert places_of((found, again, header, header, found)) == (0, 2)
    assert places_of(()) == (0,)


def test_days() -> None:
    for days in DAYS:
        assert f"[{days} d]" in plain(days_line(days))
