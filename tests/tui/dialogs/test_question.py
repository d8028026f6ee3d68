from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.control.errors import ControlError
from pipelock.model import KillSwitchChanged, KillSwitchState
from pipelock_tui import testing
from pipelock_tui.settings import Settings

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_the_kill_switch_asks_first(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        await show.press("K")
        assert "TURN THE KILL SWITCH ON?" in show.text
        assert show.link.kills == []
        show.clock.advance(1)
        await show.press("n")
        assert show.link.kills == []
        await show.press("K")
        show.clock.advance(1)
        await show.press("y")
        assert show.link.kills == [True]
        assert "KILL SWITCH ON" in show.text
        assert "Held by: api" in show.text


async def test_a_yes_that_was_typed_before_the_question_is_ignored_and_says_so(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        await show.press("K", "y")
        assert show.link.kills == []
        assert "Key ignored" in show.text
        show.clock.advance(0.31)
        await show.press("y")
        assert show.link.kills == [True]


async def test_our_own_source_is_released(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        on = KillSwitchState(active=True, sources={"api": True}, message="Emergency deny-all active")
        await show.feed(testing.event(1, KillSwitchChanged(on, "api"), show.clock.now))
        await show.press("K")
        assert "RELEASE THE KILL SWITCH?" in show.text
        show.clock.advance(1)
        await show.press("y")
        assert show.link.kills == [False]
        assert "KILL ON" not in show.text


async def test_what_others_hold_is_explained_not_offered(stage: Open) -> None:
    async with stage() as show:
        show.link.now_status = testing.status(
            kill_switch=KillSwitchState(active=True, sources={"signal": True, "sentinel": True})
        )
        await show.connect()
        assert "kill -USR1 4242" in show.text
        await show.press("K")
        show.clock.advance(1)
        await show.press("y")
        assert "It is not held from here. To clear it:" in show.text
        assert show.link.kills == []
        await show.press("escape")
        assert "It is not held from here" not in show.text


async def test_a_refusal_is_told(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        show.link.failing = ControlError("forbidden", "agents may not do this")
        await show.press("K")
        show.clock.advance(1)
        await show.press("y")
        assert "agents may not do this" in show.text


async def test_keys_of_the_operator_s_own_hold_and_are_shown(stage: Open) -> None:
    keys = {"dialog.agree": "Y", "dialog.leave": "x"}
    async with stage(settings=Settings(start="traffic", keys=keys)) as show:
        await show.connect()
        await show.press("K")
        assert "Y stop everything    x leave it" in show.text
        show.clock.advance(1)
        await show.press("y", "n")
        assert show.link.kills == []
        await show.press("Y")
        assert show.link.kills == [True]
