from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelock_tui.dashboard import Dashboard
from pipelock_tui.dialogs.manual import SECTIONS
from pipelock_tui.widgets.decisions import Decisions

if TYPE_CHECKING:
    from tests.tui.conftest import Open


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_opens_and_closes(stage: Open, key: str) -> None:
    async with stage() as show:
        await show.press(key)
        assert "HELD REQUESTS" in show.text
        await show.press("j", "k", "escape")
        assert "HELD REQUESTS" not in show.text


def test_every_key_is_in_the_help() -> None:
    named = {"left_square_bracket": "[", "right_square_bracket": "]", "question_mark": "?", "slash": "/", "f1": "F1"}
    named |= {"down": "↓", "up": "↑", "pagedown": "PgDn", "pageup": "PgUp", "escape": "esc"}
    told = {key for _, keys in SECTIONS for words, _ in keys for key in words.split()}
    aliases = {"ctrl+d", "ctrl+u", "home", "end"}
    for binding in [*Dashboard.BINDINGS, *Decisions.BINDINGS]:
        for key in binding.key.split(","):  # type: ignore[union-attr]
            assert key in aliases or named.get(key, key) in told, key
