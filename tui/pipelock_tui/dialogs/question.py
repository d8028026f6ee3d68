"""A question that is answered with a deliberate key."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from pipelock_tui.actions import DIALOGS, bindings
from pipelock_tui.desk import ARM_DELAY
from pipelock_tui.dialogs.keys import words_of
from pipelock_tui.dialogs.window import Window
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Page

__all__ = ["Question"]


class Question(Window[bool]):
    """Says what will happen; `y` does it, `n` and escape don't. Without `offer` there is nothing to agree to.

    `y` counts only once the question has been on the screen for `ARM_DELAY`; `now` gives monotonic seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(DIALOGS, {"dialog.agree": "agree", "dialog.leave": "leave"})

    def __init__(self, title: str, body: list[Line], offer: str, now: Callable[[], float]) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._offer = offer
        self._now = now
        self._since = now()

    def compose(self) -> ComposeResult:
        """A box with one page of text."""
        with Vertical(classes="dialog"):
            yield Page()

    def on_mount(self) -> None:
        """Write the text."""
        self._write("")

    def action_agree(self) -> None:
        """Yes, if there is something to agree to and the key is meant for this question."""
        if not self._offer:
            return
        if self._now() - self._since < ARM_DELAY:
            self._write("Key ignored: this question had only just appeared. Press it again.")
            return
        self.dismiss(result=True)

    def action_leave(self) -> None:
        """No."""
        self.dismiss(result=False)

    def _write(self, said: str) -> None:
        lines = [line((self._title, "alarm")), (), *self._body, ()]
        leaving = words_of(self, "dialog.leave")
        if self._offer:
            agreeing = words_of(self, "dialog.agree")
            lines.append(
                line((agreeing[0], "key"), f" {self._offer}    ", (" or ".join(leaving[:2]), "key"), " leave it")
            )
        else:
            lines.append(line((leaving[min(1, len(leaving) - 1)], "key"), " close"))
        if said:
            lines.append(line((said, "warn")))
        self.query_one(Page).show(lines)
