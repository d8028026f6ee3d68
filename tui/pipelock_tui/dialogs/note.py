"""Asks for the words that go with a denial."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from pipelock.model import MAX_NOTE, Pending
from pipelock_tui.dialogs.window import Window
from pipelock_tui.text import line
from pipelock_tui.widgets.paint import Page

__all__ = ["Note"]


class Note(Window[str | None]):
    """Gives the note, empty for a denial without one, or `None` where nothing is to be done."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Don't answer", show=False)]

    def __init__(self, pending: Pending) -> None:
        super().__init__()
        self._pending = pending

    def compose(self) -> ComposeResult:
        """What is denied, the input, the keys."""
        with Vertical(classes="dialog"):
            yield Page()
            entry = Input(placeholder="why not, or what to do instead", max_length=MAX_NOTE, compact=True)
            entry.cursor_blink = False
            yield entry

    def on_mount(self) -> None:
        """Write the text and take the keys."""
        action = self._pending.action
        self.query_one(Page).show(
            [
                line((f" DENY #{self._pending.id} ", "alarm"), f"  {action.method} {action.url or action.host}"),
                (),
                line(
                    "The agent gets to read this note. ",
                    ("enter", "key"),
                    " denies, ",
                    ("esc", "key"),
                    " doesn't answer.",
                ),
            ]
        )
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Deny with what was typed."""
        event.stop()
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Leave the prompt as it is."""
        self.dismiss(None)
