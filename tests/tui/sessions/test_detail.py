from __future__ import annotations

import msgspec
import pytest

from pipelock.model import BudgetUse, Session, SessionDetail
from pipelock_tui import testing
from pipelock_tui.sessions.detail import budget_line, detail_lines
from pipelock_tui.text import plain

NOW = testing.NOON
ZONE = testing.StillClock.zone


def detail(session: Session, more: SessionDetail | None = None) -> str:
    return "\n".join(plain(line) for line in detail_lines(session, more, NOW, ZONE))


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (BudgetUse("requests", 10, 0), "requests  10, no limit"),
        (BudgetUse("requests", 250, 1_000), "█████░░░░░░░░░░░░░░░ 25%  250 of 1 000"),
        (BudgetUse("bytes", 2_000, 1_000), "████████████████████ 100%  2 000 of 1 000  SPENT"),
        (BudgetUse("novel_thing", 1, 2), "novel_thing"),
    ],
)
def test_budgets(use: BudgetUse, expected: str) -> None:
    assert expected in plain(budget_line(use, 100))


def test_a_session_in_full_says_why_and_what_comes_next() -> None:
    session = testing.sessions()[0]
    shown = detail(session, testing.session_detail())
    for words in (
        "claude   △ elevated   tier open   U●P●E○",
        "by its process, as the kernel tells",
        "Elevated: 6.5 points since 14:09",
        "Falls to normal at 14:19",
        "curl 4730",
        "└ claude 4711",
        "6.5 points, next level at 10.0",
        "one level down in 6 min if nothing happens",
        "● untrusted 14:08:20  https://docs.example.org/guide",
        "○ egress",
        "release 2.4.1  task-12",
        "https://docs.example.org/guide?page=2",
        "41%  412 of 1 000",
        "+5.0 signal hard_block collector.example.net  AWS Access ID",
    ):
        assert words in shown


def test_what_is_wrong_is_told_in_words() -> None:
    shown = detail(testing.sessions()[1])
    assert "at this level even clean traffic is refused" in shown
    assert "read only; level critical; until 14:22:22" in shown
    assert "All three are lit" in shown
    assert "Asking the daemon for more…" in shown


def test_by_hand_until_released_ended_and_trusted() -> None:
    held = msgspec.structs.replace(testing.sessions()[3], trusted_until=NOW + 60, ended=True)
    shown = detail(held, SessionDetail(held))
    assert "by hand; until you release it" in shown
    assert "by your override, until 14:14:20" in shown
    assert "ENDED by an operator" in shown
    assert "nothing so far" in shown


def test_names_from_outside_are_escaped() -> None:
    assert "\x1b" not in detail(testing.session("a\x1b[31mb|127.0.0.1"))
