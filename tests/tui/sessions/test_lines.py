from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipelock.model import Lamp, Lamps, Level, Tier, WallState
from pipelock_tui import testing
from pipelock_tui.sessions.lines import (
    SORTS,
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


@pytest.mark.parametrize("width", [60, 80, 100])
def test_sessions_of_one_agent_are_told_apart_where_there_is_no_column_for_processes(width: int) -> None:
    session = testing.sessions()[0]
    other = replace(session, processes=(replace(session.processes[-1], pid=4712),))
    assert "claude@4711 " in plain(session_line(session, width, NOW))
    assert "claude@4712 " in plain(session_line(other, width, NOW))


def test_lamps_have_letters_and_full_circles() -> None:
    lit = Lamp(lit=True)
    assert plain(lamp_parts(Lamps(untrusted=lit))) == "U●P○E○"
    assert {part.role for part in lamp_parts(Lamps(lit, lit, lit))} == {"block"}


def test_every_level_and_tier_has_its_own_glyph_and_word() -> None:
    assert len({level_words(level)[0] for level in Level}) == len(Level)
    assert len({tier_words(tier) for tier in Tier}) == len(Tier)


def test_names_from_outside_are_escaped() -> None:
    evil = testing.session("a\x1b[31mb|127.0.0.1")
    assert "\x1b" not in plain(session_line(evil, 80, NOW))


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


def test_a_session_that_was_ended_is_marked() -> None:
    assert "cursor (ended)" in plain(session_line(testing.sessions()[4], 80, NOW))


@pytest.mark.parametrize(("state", "mark"), [(WallState.UP, "▣"), (WallState.PARTLY, "◩"), (WallState.DOWN, "□")])
def test_walls_are_marked_and_two_sandboxes_told_apart(state: WallState, mark: str) -> None:
    session = replace(testing.sessions()[3], walls=state)
    other = replace(session, key="aider@sandbox-77aa|127.0.0.1")
    for width in (60, 80, 120):
        shown = session_line(session, width, NOW)
        assert f"{mark} aider" in plain(shown)
        assert width_of(shown) == width_of(session_line(testing.sessions()[0], width, NOW))
        assert plain(shown) != plain(session_line(other, width, NOW))
    assert "aider@5f0c" in plain(session_line(session, 80, NOW))
    assert "sandbox-5f0c1e2d3b4a" in plain(session_line(session, 120, NOW))
