from __future__ import annotations

from typing import TYPE_CHECKING

from pipelock_tui.dialogs.asking import MAX_WORDS, Asking

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_words_are_taken_or_left_and_bounded(stage: Open) -> None:
    async with stage() as show:
        taken: list[str | None] = []
        for keys in (["x", "enter"], ["escape"], ["ctrl+u", "enter"], [*"y" * (MAX_WORDS + 5), "enter"]):
            show.app.cover(Asking(" WHICH? ", "hint", "a"), taken.append)
            await show.settle()
            await show.press("end", *keys)
        assert taken[:3] == ["ax", None, ""]
        assert taken[3] == "a" + "y" * (MAX_WORDS - 1)
