from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.events import Key

from pipelock_tui import testing
from pipelock_tui.dialogs.jump import Jump
from pipelock_tui.dialogs.question import Question

if TYPE_CHECKING:
    from tests.tui.conftest import Open


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ("ctrl+o", "G"),
        ("ctrl+p", "escape"),
        ("K", "y"),
        ("K", "n"),
        ("t", "1"),
        ("n", "enter"),
        ("question_mark", "escape"),
    ],
)
async def test_keys_typed_ahead_close_one_window_and_not_what_is_under_it(stage: Open, opens: str, closes: str) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.press(opens)
        assert len(show.app.screen_stack) == 2
        show.clock.advance(1)
        for _ in range(3):
            show.app.post_message(Key(closes, closes if len(closes) == 1 else None))
        await show.settle()
        assert len(show.app.screen_stack) == 1
        assert len(show.link.kills) == (closes == "y")
        assert len(show.link.answers) == (opens in "tn")


@pytest.mark.parametrize(
    ("window", "method", "keys"), [(Jump, "on_key", ("ctrl+o", "x")), (Question, "action_agree", ("K", "y"))]
)
async def test_a_window_that_breaks_ends_alone_and_does_nothing(
    stage: Open, monkeypatch: pytest.MonkeyPatch, window: type[object], method: str, keys: tuple[str, ...]
) -> None:
    def failing(_: object) -> None:
        raise ValueError("defect in a window")

    monkeypatch.setattr(window, method, failing)
    async with stage() as show:
        await show.connect(testing.pending())
        await show.press(*keys)
        assert "A window broke, and nothing was done: ValueError: defect in a window" in show.told
        assert (len(show.app.screen_stack), show.link.kills) == (1, [])
        show.clock.advance(1)
        await show.press("a")
        assert len(show.link.answers) == 1, "prompts are answered all the same"


async def test_keys_typed_into_the_palette_answer_nothing(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.press("ctrl+p", "x", "escape")
        assert len(show.app.screen_stack) == 1
        await show.press("a")
        assert show.link.answers == []
        show.clock.advance(1)
        await show.press("a")
        assert len(show.link.answers) == 1
