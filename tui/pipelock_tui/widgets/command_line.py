"""The line where a command is typed: `:` opens it, tab completes, up and down go through what was typed before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from pipelock_tui.catalogue import ACTIONS
from pipelock_tui.commanding import MAX_COMMAND, History, complete
from pipelock_tui.text import Line, Part, cut, line
from pipelock_tui.widgets.paint import Bar

__all__ = ["CommandLine"]


class _Says(Bar):
    """What could be typed next, or what is wrong."""

    def __init__(self) -> None:
        super().__init__(id="command-says")
        self.words = ""
        self.wrong = False

    def content(self, width: int) -> list[Line]:
        return [
            line(Part(f" {'✗ ' if self.wrong else ''}{cut(self.words, width - 4)}", "warn" if self.wrong else "dim"))
        ]


class CommandLine(Horizontal):
    """Hidden until it is opened. Tells `Typed` with the line and `Left` when it closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("tab", "complete", "Complete", show=False, priority=True),
        Binding("up", "history(1)", "Before", show=False),
        Binding("down", "history(-1)", "After", show=False),
    ]

    @dataclass
    class Typed(Message):
        """A command line was given."""

        text: str

    class Left(Message):
        """The line was closed."""

    def __init__(self) -> None:
        super().__init__(id="command")
        self.display = False
        self._history = History()

    def compose(self) -> ComposeResult:
        """The colon, the input, and what could follow."""
        entry = Input(placeholder="command", max_length=MAX_COMMAND, id="command-input", compact=True)
        entry.cursor_blink = False
        yield entry
        yield _Says()

    def open(self, text: str = "") -> None:
        """Show the line with `text` in it."""
        self.display = True
        entry = self.query_one(Input)
        entry.value = text
        entry.cursor_position = len(text)
        entry.focus()
        self._suggest(text)

    def close(self) -> None:
        """Hide the line."""
        if self.display:
            self.display = False
            self.post_message(self.Left())

    def objects(self, words: str) -> None:
        """Say what is wrong with what was typed; the line stays open."""
        says = self.query_one(_Says)
        says.words, says.wrong = words, True
        says.refresh()

    def on_descendant_blur(self) -> None:
        """Close when something else takes the keys: a line that looks open and is not typed into misleads."""
        self.call_after_refresh(self._close_if_left)

    def _close_if_left(self) -> None:
        # Without any focus it is the terminal that lost it, or a window that covers the screen.
        if self.screen.focused not in (None, self.query_one(Input)):
            self.close()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Suggest."""
        event.stop()
        self._suggest(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the line on."""
        event.stop()
        self._history.add(event.value)
        self.post_message(self.Typed(event.value))

    def action_leave(self) -> None:
        """Close without doing anything."""
        self.close()

    def action_complete(self) -> None:
        """Complete as far as all that fits agrees."""
        entry = self.query_one(Input)
        found = complete(entry.value, ACTIONS)
        if found:
            common = _common(found)
            entry.value = common if len(common) > len(entry.value.lstrip()) else entry.value
            entry.cursor_position = len(entry.value)

    def action_history(self, back: int) -> None:
        """Go through what was typed before."""
        entry = self.query_one(Input)
        entry.value = self._history.step(back, entry.value)
        entry.cursor_position = len(entry.value)

    def _suggest(self, text: str) -> None:
        says = self.query_one(_Says)
        found = complete(text, ACTIONS)
        says.words, says.wrong = "  ".join(each.strip() for each in found) or "nothing fits", False
        says.refresh()


def _common(words: tuple[str, ...]) -> str:
    """What all of `words` begin with."""
    first, last = min(words), max(words)
    for place, char in enumerate(first):
        if place >= len(last) or last[place] != char:
            return first[:place]
    return first
