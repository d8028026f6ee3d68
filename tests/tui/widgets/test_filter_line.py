from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input

from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_a_filter_applies_while_typing_and_is_kept_when_reopened(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("slash", *"verdict:block")
        assert "filter verdict:block (8 of 40)" in show.text
        await show.press("enter")
        assert "[8/8]" in show.text
        await show.press("slash")
        assert show.app.query_one(Input).value == "verdict:block"
        await show.press("end", *" zzz")
        assert "[0/0]" in show.text


async def test_escape_clears_it(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("slash", *"pypi", "enter", "slash", "escape")
        assert "[40/40]" in show.text
        await show.press("slash")
        assert show.app.query_one(Input).value == ""


async def test_a_bad_filter_says_why_and_the_last_good_one_stays(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("slash", *"pypi !")
        assert "! needs a term after it" in show.text
        assert "[8/8]" in show.text


async def test_keys_typed_into_it_decide_nothing(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.press("slash", *"asdn")
        assert show.link.answers == []
        assert "other keys are off while you type" in show.text
