"""A window that asks for a few words."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from pipelock_tui.dialogs.window import Window
from pipelock_tui.text import line
from pipelock_tui.widgets.paint import Page

__all__ = ["MAX_WORDS", "Asking"]

MAX_WORDS = 200
"""Characters that may be typed."""


class Asking(Window[str]):
    """Gives what was typed, empty too, or `None` where nothing is to be done."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave it", show=False)]

    def __init__(self, title: str, hint: str, typed: str = "") -> None:
        super().__init__()
        self._title = title
        self._hint = hint
        self._typed = typed

    def compose(self) -> ComposeResult:
        """What is asked, and where it is typed."""
        with Vertical(classes="dialog"):
            yield Page()
            entry = Input(self._typed, placeholder=self._hint, max_length=MAX_WORDS, compact=True)
            entry.cursor_blink = False
            yield entry

    def on_mount(self) -> None:
        """Write the text and take the keys."""
        keys = line(("enter", "key"), " takes it, ", ("esc", "key"), " leaves it")
        self.query_one(Page).show([line((self._title, "alarm")), (), keys])
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take what was typed."""
        event.stop()
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Leave it as it is."""
        self.dismiss(None)
