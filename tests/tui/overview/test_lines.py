from __future__ import annotations

import pytest

from pipelock.control.aio import Disconnected
from pipelock.model import KillSwitchState
from pipelock_tui import testing
from pipelock_tui.board import Board
from pipelock_tui.overview.lines import beside, overview_lines
from pipelock_tui.text import line, plain, width_of

KEYS = {"view.pending": "f2", "view.traffic": "f3", "traffic.search": "S"}


def board_of(**changes: object) -> Board:
    board = Board(testing.StillClock())
    board.absorb([testing.connected(), *testing.busy_day()])
    board.learn(testing.status(**changes), (testing.pending(),), board.desk.revision)
    board.learn_sessions(testing.sessions())
    return board


def text_of(board: Board, width: int = 120) -> str:
    return "\n".join(plain(each) for each in overview_lines(board, testing.NOON, width, board.clock.zone, keys=KEYS))


def test_the_daemon_at_a_glance() -> None:
    text = text_of(board_of(sessions=5, levels={"critical": 1}, tiers={"hard": 1}, history=9_004, rss=41_000_000))
    for words in [
        "mode         balanced",
        "□ off",
        "9 004 decisions can be searched (f3, S)",
        "41MB resident",
        "5 known",
        "1 critical, 1 in the airlock (hard)",
        "codex@5120|127.0.0.1  critical, hard",
        "#7 POST deploy.example.com  1:00",
        "collector.example.net/[redacted]",
    ]:
        assert words in text


def test_what_is_off_is_said_in_words() -> None:
    kill = KillSwitchState(active=True, sources={"api": True, "signal": False})
    text = text_of(board_of(kill_switch=kill, enforce=False, dashboards=3, admin="127.0.0.1:9090"))
    assert "■ ON, held by api" in text
    assert "not enforcing: nothing is refused" in text
    assert "2 other dashboards can answer, too" in text
    assert "127.0.0.1:9090" in text


def test_before_anything_is_known() -> None:
    board = Board(testing.StillClock())
    assert "the daemon is being asked" in text_of(board)
    board.absorb([Disconnected("no daemon runs")])
    assert "No daemon is reached" in text_of(board)
    assert "no daemon runs" in text_of(board)


def test_nothing_has_happened_yet() -> None:
    board = Board(testing.StillClock())
    board.absorb([testing.connected()])
    board.learn(testing.status(requests=0, allowed=0, blocked=0, warned=0), (), 0)
    text = text_of(board)
    assert "· nothing yet" in text
    assert "· nothing\n" in text or "· nothing " in text
    assert "all normal" in text


def test_what_the_operator_was_told_stands_there() -> None:
    board = board_of()
    board.remark("reload failed:\x1b[2J line 3", "error")
    text = text_of(board)
    assert "✗ reload failed:" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [40, 58, 78, 100, 118, 200])
def test_columns_keep_to_the_width(width: int) -> None:
    board = board_of(top_blocked=(("a" * 90, 3), ("b.example", 1)), top_layers=(("dlp", 4),))
    if width >= 100:
        assert all(width_of(each) <= width for each in overview_lines(board, testing.NOON, width, keys=KEYS))
    else:
        assert "MOST REFUSED" in text_of(board, width)


def test_two_columns_of_different_length() -> None:
    rows = beside([line("one"), line("two")], [line("x" * 20)], 8)
    assert [plain(row) for row in rows] == ["one        xxxxxxx…", "two        "]
