"""The bottom line: the keys that can be used here. Those that can't be used now are greyed, with a reason behind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from pipelock_tui.actions import Action, key_word
from pipelock_tui.catalogue import ANSWERS, SHELL, place_of
from pipelock_tui.text import Line, Part, width_of

__all__ = ["TYPING", "Footing", "Hint", "footer_line", "hints_of", "shown_actions"]


@dataclass(frozen=True, slots=True)
class Hint:
    """One key: how it is called, its word, why it is of no use now, and how soon it gives way."""

    key: str
    word: str
    reason: str = ""
    rank: int = 5


TYPING = (Hint("↵", "take it", rank=0), Hint("esc", "leave it", rank=0), Hint("", "other keys are off while you type"))
"""While something is typed."""


class Footing(Protocol):
    """What the bottom line asks of the dashboard."""

    def objection(self, action: Action) -> str:
        """Why an action can't be carried out now."""

    def waiting(self) -> bool:
        """Whether prompts are on the screen."""

    def keys(self, action: Action) -> str:
        """The keys it has, with commas between."""


def shown_actions(view: str, *, waiting: bool) -> tuple[Action, ...]:
    """The actions that the bottom line has a word for, in their order."""
    place = place_of(view)
    own = place.actions if place is not None else ()
    answers = ANSWERS if waiting else ()
    return tuple(action for action in (*answers, *own, *SHELL) if action.short)


def hints_of(shell: Footing, view: str) -> tuple[Hint, ...]:
    """The bottom line's keys as they stand."""
    hints = []
    for action in shown_actions(view, waiting=shell.waiting()):
        key = shell.keys(action).split(",")[0]
        if key:
            hints.append(Hint(key_word(key), action.short, shell.objection(action), action.rank))
    return tuple(hints)


def footer_line(hints: Iterable[Hint], width: int) -> Line:
    """The line in at most `width` cells. The first reason is written out behind the keys, if there is room."""
    shown = list(hints)

    def drawn() -> list[Part]:
        parts: list[Part] = []
        for hint in shown:
            role = "dim" if hint.reason else "key"
            parts += [Part(f" {hint.key}", role), Part(f" {hint.word} ", "dim")]
        return parts

    while len(shown) > 1 and width_of(tuple(drawn())) > width:
        shown.remove(max(shown, key=lambda hint: (bool(hint.reason), hint.rank)))
    line = drawn()
    reason = next((hint for hint in shown if hint.reason), None)
    if reason is not None:
        words = Part(f" {reason.key} is off: {reason.reason}", "warn")
        if width_of((*line, words)) <= width:
            line.append(words)
    return tuple(line)
