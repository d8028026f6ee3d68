from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock.model import Answer, AnswerWord
from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_a_denial_with_a_note(stage: Open) -> None:
    async with stage() as show:
        item = testing.pending()
        await show.connect(item)
        await show.press("n")
        assert "DENY #7" in show.text
        await show.press(*"use main", "enter")
        assert show.link.answers == [("7", Answer(AnswerWord.DENY, note="use main"), item.binding)]


async def test_escape_leaves_the_prompt_alone(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.press("n", *"ad", "escape")
        assert show.link.answers == []
        assert "1 WAITING" in show.text
