from __future__ import annotations

import msgspec
import pytest

from pipelock.model import BudgetUse, Lamp, Lamps, Level, Session, SessionDetail, Tier
from pipelock_tui import testing
from pipelock_tui.sessions.lines import (
    SORTS,
    budget_line,
    detail_lines,
    head_line,
    lamp_parts,
    level_words,
    name_of,
    ordered,
    session_line,
    tier_words,
    title_line,
)
from pipelock_tui.text import plain, width_of

NOW = testing.NOON
ZONE = testing.StillClock.zone


def detail(session: Session, more: SessionDetail | None = None) -> str:
    return "\n".join(plain(line) for line in detail_lines(session, more, NOW, ZONE))


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("seen", "codex claude aider pip cursor"),
        ("suspicion", "codex claude aider cursor pip"),
        ("agent", "aider claude codex cursor pip"),
        ("requests", "aider claude codex pip cursor"),
        ("blocked", "codex aider claude cursor pip"),
    ],
)
def test_orders(by: str, expected: str) -> None:
    assert by in SORTS
    assert " ".join(session.agent for session in ordered(testing.sessions(), by)) == expected


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_rows_fit_every_width_and_tell_states_in_words(width: int) -> None:
    for session in testing.sessions():
        drawn = session_line(session, width, NOW)
        assert width_of(drawn) <= max(width, 50)
        assert level_words(session.level) in plain(drawn)
        assert tier_words(session.tier) in plain(drawn)
    assert plain(head_line(width)).startswith("  agent")


def test_a_row_under_its_titles() -> None:
    session = testing.sessions()[0]
    assert plain(session_line(session, 120, NOW, selected=True)).split() == (
        [
            "▶",
            "claude",
            "claude@4711",
            "△",
            "elevated",
            "6.5/10",
            "open",
            "U●P●E○",
            "412/3",
            "41%",
            "requests",
            "4",
            "s",
        ]
    )


def test_lamps_have_letters_and_full_circles() -> None:
    lit = Lamp(lit=True)
    assert plain(lamp_parts(Lamps(untrusted=lit))) == "U●P○E○"
    assert {part.role for part in lamp_parts(Lamps(lit, lit, lit))} == {"block"}


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
    assert "(ended)" in plain(session_line(held, 80, NOW))


def test_every_level_and_tier_has_its_own_glyph_and_word() -> None:
    assert len({level_words(level)[0] for level in Level}) == len(Level)
    assert len({tier_words(tier) for tier in Tier}) == len(Tier)


def test_names_from_outside_are_escaped() -> None:
    evil = testing.session("a\x1b[31mb|127.0.0.1")
    assert "\x1b" not in plain(session_line(evil, 80, NOW)) + detail(evil)


def test_the_title_says_what_is_wrong_with_the_list() -> None:
    assert plain(title_line(3, "seen", 60)) == " SESSIONS  3  by seen"
    assert plain(title_line(3, "seen", 60, note="not told: too slow")).endswith("  not told: too slow")


@pytest.mark.parametrize(
    ("key", "processes", "name"),
    [
        ("claude@1|127.0.0.1", True, "claude"),
        ("anonymous|127.0.0.1", True, "claude"),
        ("anonymous|127.0.0.1", False, "anonymous|127.0.0.1"),
    ],
)
def test_what_a_person_calls_it(key: str, processes: bool, name: str) -> None:
    assert name_of(testing.session(key, processes=testing.processes() if processes else ())) == name
