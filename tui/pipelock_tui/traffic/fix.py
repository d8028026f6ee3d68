"""A window that shows what would keep a refusal from happening again, and does it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from pipelock.model import Fix
from pipelock_tui.desk import ARM_DELAY
from pipelock_tui.explain import LABEL
from pipelock_tui.text import Line, line
from pipelock_tui.traffic.fixing import DAYS, fix_lines
from pipelock_tui.widgets.paint import Page

__all__ = ["FixDialog"]


class FixDialog(ModalScreen[Fix]):
    """Gives the proposal that is to be applied, `None` where nothing is to be done.

    `propose` asks for another one with so many days; whatever comes of it is handed to `show` or `fail`. `y` counts
    only once the proposal has been on the screen for `ARM_DELAY`; `now` gives monotonic seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Write it", show=False),
        Binding("n,escape,q", "leave", "Leave it", show=False),
        Binding("right,l", "longer(1)", "Longer", show=False),
        Binding("left,h", "longer(-1)", "Shorter", show=False),
        Binding("j,down", "scroll(1)", "Down", show=False),
        Binding("k,up", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, propose: Callable[[int], None], now: Callable[[], float], zone: tzinfo | None = None) -> None:
        super().__init__()
        self._propose = propose
        self._now = now
        self._zone = zone
        self._place = DAYS.index(30)
        self._fix: Fix | None = None
        self._since = now()

    def compose(self) -> ComposeResult:
        """A box with one page of text."""
        with Vertical(classes="dialog tall"):
            yield Page(hang=LABEL)

    def on_mount(self) -> None:
        """Ask for the first proposal."""
        self._ask()

    def show(self, fix: Fix) -> None:
        """A proposal came."""
        self._fix, self._since = fix, self._now()
        self._write("")

    def fail(self, why: str) -> None:
        """None came."""
        self._fix = None
        self._write(f"✗ {why}")

    def action_agree(self) -> None:
        """Apply the proposal that is on the screen."""
        if self._fix is None or not self._fix.possible:
            return
        if self._now() - self._since < ARM_DELAY:
            self._write("Key ignored: this proposal had only just appeared. Press it again.")
            return
        self.dismiss(self._fix)

    def action_leave(self) -> None:
        """Change nothing."""
        self.dismiss(None)

    def action_longer(self, step: int) -> None:
        """Let it hold for another number of days."""
        place = min(max(self._place + step, 0), len(DAYS) - 1)
        if place != self._place:
            self._place = place
            self._ask()

    def action_scroll(self, step: int) -> None:
        """Scroll by a line."""
        self.query_one(Page).scroll_relative(y=step, animate=False)

    def _ask(self) -> None:
        self._fix = None
        self._write("… looking for the narrowest one, and judging what was refused before again")
        self._propose(DAYS[self._place])

    def _write(self, said: str) -> None:
        lines: list[Line] = []
        if self._fix is not None:
            lines = [*fix_lines(self._fix, DAYS[self._place], self._zone), ()]
        if said:
            lines.append(line((said, "warn")))
        if self._fix is not None and self._fix.possible:
            lines.append(line(("y", "key"), " write it and put it in force    ", ("esc", "key"), " leave it"))
        else:
            lines.append(line(("esc", "key"), " close"))
        self.query_one(Page).show(lines)
