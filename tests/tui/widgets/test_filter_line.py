from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from pipelock_tui import testing
from pipelock_tui.widgets.filter_line import suggestion

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_a_filter_applies_while_typing_and_is_kept_when_reopened(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("slash", *"verdict:block")
        assert "filter verdict:block (8 of 40)" in show.text
        await show.press("enter")
        assert "[8/8]" in show.text
        await show.press("slash")
        assert show.app.query_one("#filter-input", Input).value == "verdict:block"
        await show.press("end", *" zzz")
        assert "[0/0]" in show.text


async def test_escape_clears_it(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("slash", *"pypi", "enter", "slash", "escape")
        assert "[40/40]" in show.text
        await show.press("slash")
        assert show.app.query_one("#filter-input", Input).value == ""


async def test_a_bad_filter_says_why_and_the_last_good_one_stays(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("slash", *"pypi !")
        assert "! needs a term after it" in show.text
        assert "[8/8]" in show.text


async def test_keys_typed_into_it_decide_nothing(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.connect(testing.pending())
        await show.press("slash", *"asdn")
        assert show.link.answers == []
        assert "other keys are off while you type" in show.text


async def test_up_and_down_bring_back_what_was_kept(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(), *testing.busy_day())
        for typed in ("pypi", "git", "pypi"):
            await show.press("slash", "ctrl+u", *typed, "enter")
        entry = show.app.query_one("#filter-input", Input)
        seen = []
        await show.press("slash")
        for key in ("up", "up", "up", "down", "down"):
            await show.press(key)
            seen.append(entry.value)
        assert seen == ["pypi", "git", "git", "pypi", ""]


async def test_tab_takes_the_suggestion(stage: Open) -> None:
    async with stage() as show:
        await show.press("3")
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("slash", *"!ver", "tab", *"bl", "tab")
        assert show.app.query_one("#filter-input", Input).value == "!verdict:block"
        assert "[32/32]" in show.text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", None),
        ("ho", "host:"),
        ("host", "host:"),
        ("a (ag", "a (agent:"),
        ("!out", "!outcome:"),
        ("verdict:b", "verdict:block"),
        ("verdict:block,wa", "verdict:block,warn"),
        ("x verdict:block", None),
        ("transport:web", "transport:websocket"),
        ("nothing", None),
        ("host:x", None),
    ],
)
def test_suggestions(typed: str, expected: str | None) -> None:
    assert suggestion(typed) == expected
