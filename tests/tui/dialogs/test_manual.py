from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelock_tui.actions import Action, key_words
from pipelock_tui.catalogue import ACTIONS, PLACES
from pipelock_tui.dialogs.manual import manual_lines
from pipelock_tui.text import plain

if TYPE_CHECKING:
    from tests.tui.conftest import Open


@pytest.mark.parametrize("key", ["question_mark", "f1"])
async def test_help_opens_and_closes(stage: Open, key: str) -> None:
    async with stage((120, 60)) as show:
        await show.press(key)
        assert "LISTS AND PAGES" in show.text
        assert "not now: Not connected to the daemon" in show.text
        await show.press("j", "k", "escape")
        assert "LISTS AND PAGES" not in show.text


def text_of(view: str, reason: str = "", notes: tuple[str, ...] = ()) -> str:
    def keys(action: Action) -> str:
        return "f12" if action.id == "answer.once" else action.keys

    return "\n".join(plain(line) for line in manual_lines(view, keys, lambda _action: reason, notes))


@pytest.mark.parametrize("view", [place.name for place in PLACES])
def test_every_action_is_in_the_help_of_every_view_with_its_keys(view: str) -> None:
    text = text_of(view)
    for action in ACTIONS:
        row = next(line for line in text.split("\n") if f"  {action.id}" in line)
        words = "F12" if action.id == "answer.once" else key_words(action.keys)
        assert words in row
        assert not action.verb or f"pipelock {action.verb}" in row


def test_the_view_on_the_screen_comes_first_with_its_notes() -> None:
    text = text_of("config", notes=("Reloading asks first.",))
    assert text.index("CONFIG") < text.index("Reloading asks first.") < text.index("LISTS AND PAGES")


def test_what_can_not_be_done_now_says_why() -> None:
    assert "not now: Nothing waits." in text_of("overview", "Nothing waits.")
    assert "not now" not in text_of("overview")


def test_an_unknown_view_has_help_too() -> None:
    assert "EVERYWHERE" in text_of("nowhere")
