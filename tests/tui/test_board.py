from __future__ import annotations

from pipelock.control.aio import Disconnected
from pipelock.control.frames import Gap
from pipelock.model import (
    ConfigReloaded,
    GrantsChanged,
    KillSwitchChanged,
    KillSwitchState,
    Level,
    Notice,
    Outcome,
    Released,
    SessionChanged,
)
from pipelock_tui import testing
from pipelock_tui.board import MAX_REMARKS, MAX_SESSIONS, Board
from pipelock_tui.testing import NOON


def made() -> Board:
    board = Board(testing.StillClock())
    board.absorb([testing.connected()])
    return board


def test_rows_go_into_the_journal_and_those_that_fall_out_are_counted() -> None:
    board = made()
    change = board.absorb([testing.decided(number) for number in range(1, 10_004)])
    assert (len(change.rows), change.dropped, board.journal.total) == (10_003, 3, 10_000)
    assert board.absorb([Gap(1, 5)]).rows[0].gap


def test_a_session_that_changed_is_known_at_once() -> None:
    board = made()
    board.learn_sessions(testing.sessions())
    moved = testing.session("pip|127.0.0.1", level=Level.HIGH)
    new = testing.session("new|127.0.0.1")
    change = board.absorb(
        [
            testing.event(1, SessionChanged(moved, "escalation", "elevated to high"), NOON),
            testing.event(2, SessionChanged(new, "task", by="dev"), NOON),
        ]
    )
    assert change.sessions == {"pip|127.0.0.1", "new|127.0.0.1"}
    assert board.session("pip|127.0.0.1") == moved
    assert [session.key for session in board.sessions][-1] == "new|127.0.0.1"
    assert [row.text for row in change.rows] == [
        "◇ session pip|127.0.0.1: elevated to high",
        "◇ session new|127.0.0.1: task, by dev",
    ]
    assert [row.role for row in change.rows] == ["warn", "note"]


def test_what_happened_before_we_came_makes_rows_and_changes_nothing_else() -> None:
    board = made()
    killed = KillSwitchState(active=True, sources={"api": True})
    change = board.absorb(
        [
            testing.event(1, KillSwitchChanged(killed), NOON - 5),
            testing.event(2, SessionChanged(testing.session(), "taint"), NOON - 5),
            testing.event(3, Notice("warn", "long ago"), NOON - 5),
            testing.held(4, at=NOON - 5),
            testing.event(5, Released("7", Outcome.DENIED, "dev"), NOON - 5),
        ]
    )
    assert len(change.rows) == 4
    assert (board.kill.active, board.sessions, change.remarks, len(board.desk)) == (False, (), [], 0)


def test_events_that_concern_the_operator_are_remarks() -> None:
    board = made()
    change = board.absorb(
        [
            testing.event(1, Notice("info", "nothing much"), NOON),
            testing.event(2, Notice("warn", "look"), NOON),
            testing.event(3, ConfigReloaded(ok=True, detail="new policy", weaker=("dlp",)), NOON),
            testing.event(4, ConfigReloaded(ok=True, detail="new policy"), NOON),
            testing.event(5, ConfigReloaded(ok=False, detail="line 3"), NOON),
            testing.event(6, GrantsChanged("g1 was revoked", "dev"), NOON),
        ]
    )
    assert [severity for _, severity in change.remarks] == ["warning", "warning", "information", "error"]
    assert change.grants
    assert change.rows[-1].text == "◆ g1 was revoked, by dev"


def test_another_run_of_the_daemon_forgets_what_the_old_one_said() -> None:
    board = made()
    board.learn_sessions(testing.sessions())
    board.learn_grants(testing.grants(), ("+ x",))
    board.absorb([Disconnected("gone"), testing.connected("two")])
    assert (board.sessions, board.grants, board.unreviewed) == ((), (), ())


def test_all_is_bounded() -> None:
    board = made()
    board.learn_sessions(testing.session(f"a{number}|127.0.0.1") for number in range(MAX_SESSIONS + 5))
    board.absorb([testing.event(1, SessionChanged(testing.session("late|127.0.0.1"), "task"), NOON)])
    assert len(board.sessions) == MAX_SESSIONS
    for number in range(MAX_REMARKS + 5):
        board.remark(str(number), "information")
    assert len(board.remarks) == MAX_REMARKS
