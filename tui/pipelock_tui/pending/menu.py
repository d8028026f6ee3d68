"""A window that asks for how long an answer holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from pipelock.model import Lifetime
from pipelock_tui.desk import ARM_DELAY
from pipelock_tui.pending.choices import sentence
from pipelock_tui.text import Line, line
from pipelock_tui.widgets.paint import Page

__all__ = ["Menu", "menu_lines"]


def menu_lines(title: str, clause: str, lifetimes: tuple[Lifetime, ...], chosen: int, said: str = "") -> list[Line]:
    """The window's text: a number and the whole sentence for each lifetime; not wrapped."""
    lines: list[Line] = [line((title, "alarm")), ()]
    for place, lifetime in enumerate(lifetimes):
        mark = "▶ " if place == chosen else "  "
        lines.append(line((mark, "cursor"), (f"{place + 1}", "key"), f"  {sentence(clause, lifetime)}"))
    lines += [(), line(("↵", "key"), " or the number does it, ", ("esc", "key"), " leaves it unanswered")]
    if said:
        lines.append(line((said, "warn")))
    return lines


class Menu(ModalScreen[Lifetime]):
    """Gives the lifetime, `None` where nothing is to be done.

    Keys count only once it has been on the screen for `ARM_DELAY`; `now` gives monotonic seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"take({number})", show=False) for number in range(1, 10)),
        Binding("j,down", "step(1)", "Next", show=False),
        Binding("k,up", "step(-1)", "Previous", show=False),
        Binding("enter", "take(0)", "Do it", show=False),
        Binding("escape,q", "leave", "Leave it", show=False),
    ]

    def __init__(self, title: str, clause: str, lifetimes: tuple[Lifetime, ...], now: Callable[[], float]) -> None:
        super().__init__()
        self._title = title
        self._clause = clause
        self._lifetimes = lifetimes
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
        """Move the choice."""
        self._chosen = min(max(self._chosen + step, 0), len(self._lifetimes) - 1)
        self._write("")

    def action_take(self, number: int) -> None:
        """Take the lifetime with this number, or (0) the chosen one."""
        place = number - 1 if number else self._chosen
        if place >= len(self._lifetimes):
            return
        if self._now() - self._since < ARM_DELAY:
            self._write("Key ignored: this window had only just appeared. Press it again.")
            return
        self.dismiss(self._lifetimes[place])

    def action_leave(self) -> None:
        """Leave the prompt as it is."""
        self.dismiss(None)

    def _write(self, said: str) -> None:
        self.query_one(Page).show(menu_lines(self._title, self._clause, self._lifetimes, self._chosen, said))
