"""The keys of an open window, as they are called on the screen."""

from __future__ import annotations

from typing import TypeVar

from textual.screen import Screen

from pipelock_tui.actions import key_word

__all__ = ["words_of"]

T = TypeVar("T")


def words_of(screen: Screen[T], action_id: str) -> list[str]:
    """The keys in force for one of its actions, the operator's own included; a question mark where there is none."""
    found = [key_word(key) for key, active in screen.active_bindings.items() if active.binding.id == action_id]
    return found or ["?"]
