"""A window that offers a few things to choose from."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from pipelock_tui.desk import ARM_DELAY
from pipelock_tui.dialogs.window import Window
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Page

__all__ = ["Menu", "menu_lines"]


def menu_lines(title: str, choices: tuple[str, ...], chosen: int, said: str = "") -> list[Line]:
    """The window's text: a number and a sentence for each choice; not wrapped."""
    lines: list[Line] = [line((title, "alarm")), ()]
    for place, words in enumerate(choices):
        mark = "▶ " if place == chosen else "  "
        lines.append(line((mark, "cursor"), (f"{place + 1}", "key"), f"  {words}"))
    lines += [(), line(("↵", "key"), " or the number does it, ", ("esc", "key"), " leaves it")]
    if said:
        lines.append(line((said, "warn")))
    return lines


class Menu(Window[int]):
    """Gives the place of the choice, from 0; `None` where nothing is to be done.

    Keys count only once it has been on the screen for `ARM_DELAY`; `now` gives monotonic seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"take({number})", show=False) for number in range(1, 10)),
        Binding("j,down", "step(1)", "Next", show=False),
        Binding("k,up", "step(-1)", "Previous", show=False),
        Binding("enter", "take(0)", "Do it", show=False),
        Binding("escape,q", "leave", "Leave it", show=False),
    ]

    def __init__(self, title: str, choices: tuple[str, ...], now: Callable[[], float]) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._now = now
        self._since = now()
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """A box with one page of text."""
        with Vertical(classes="dialog"):
            yield Page(hang=5)

    def on_mount(self) -> None:
        """Write the text."""
        self._write("")

    def action_step(self, step: int) -> None:
        """Move the cursor."""
        self._chosen = min(max(self._chosen + step, 0), len(self._choices) - 1)
        self._write("")

    def action_take(self, number: int) -> None:
        """Take the choice with this number, or (0) the one at the cursor."""
        place = number - 1 if number else self._chosen
        if place >= len(self._choices):
            return
        if self._now() - self._since < ARM_DELAY:
            self._write("Key ignored: this window had only just appeared. Press it again.")
            return
        self.dismiss(place)

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss(None)

    def _write(self, said: str) -> None:
        self.query_one(Page).show(menu_lines(self._title, self._choices, self._chosen, said))
