from __future__ import annotations

import msgspec

from pipelock_tui import testing
from pipelock_tui.alerts import PAUSE, Alerts
from pipelock_tui.desk import Desk

ENVIRON = {"TERM": "xterm-256color"}


def test_a_prompt_is_told_of_once_and_only_when_nobody_looks() -> None:
    told: list[str] = []
    alerts, desk = Alerts(told.append, ENVIRON, wanted=True), Desk()
    alerts.look(desk, 0.0, focused=False)
    desk.hold(testing.pending("1"), 1.0)
    alerts.look(desk, 1.0, focused=True)
    alerts.look(desk, 2.0, focused=False)
    assert told == []
    desk.hold(testing.pending("2", host="b.test"), 3.0)
    alerts.look(desk, 3.0, focused=False)
    alerts.look(desk, 9.0, focused=False)
    assert told == ["\x1b]9;Pipelock: curl asks about b.test, 2 wait in all\x1b\\"]


def test_a_flood_is_one_note_and_nothing_is_forgotten() -> None:
    told: list[str] = []
    alerts, desk = Alerts(told.append, ENVIRON, wanted=True), Desk()
    for number in range(100):
        desk.hold(testing.pending(str(number)), 0.0)
        alerts.look(desk, number / 50, focused=False)
    assert len(told) == 1
    alerts.look(desk, PAUSE, focused=False)
    assert len(told) == 2
    assert "100 wait in all" in told[1]


def test_nothing_of_an_agent_can_end_the_sequence() -> None:
    told: list[str] = []
    alerts, desk = Alerts(told.append, ENVIRON, wanted=True), Desk()
    item = testing.pending()
    action = msgspec.structs.replace(item.action, host="x\x1b\\\x07;evil")
    desk.hold(msgspec.structs.replace(item, action=action), 0.0)
    alerts.look(desk, 0.0, focused=False)
    (text,) = told
    assert text.count("\x1b") == 2
    assert "\x07" not in text


def test_it_is_off_unless_wanted_and_where_the_terminal_can_not() -> None:
    told: list[str] = []
    for alerts in (Alerts(told.append, ENVIRON, wanted=False), Alerts(told.append, {"TERM": "linux"}, wanted=True)):
        desk = Desk()
        desk.hold(testing.pending(), 0.0)
        alerts.look(desk, 0.0, focused=False)
    assert told == []
