"""A window that shows what would keep a refusal from happening again, and does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from pipelock.model import Finding, Fix
from pipelock_tui.actions import DIALOGS, bindings
from pipelock_tui.desk import ARM_DELAY
from pipelock_tui.dialogs.keys import words_of
from pipelock_tui.dialogs.window import Window
from pipelock_tui.explain import LABEL
from pipelock_tui.text import Line, line
from pipelock_tui.traffic.fixing import DAYS, USUAL_DAYS, finding_line, fix_lines, places_of, title_line
from pipelock_tui.widgets.paint import Page

__all__ = ["FixDialog"]


class FixDialog(Window[Fix]):
    """Gives the proposal that is to be applied, `None` where nothing is to be done.

    `propose` asks for another one, for a finding by its number and with so many days; whatever comes of it is handed
    to `show` or `fail`. `findings` are those of the refusal, the deciding one first. `y` counts only once the proposal
    has been on the screen for `ARM_DELAY`; `now` gives monotonic seconds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(DIALOGS, {"dialog.agree": "agree", "dialog.leave": "leave"}),
        Binding("right,l", "other(1)", "Next finding", show=False),
        Binding("left,h", "other(-1)", "Finding before", show=False),
        Binding("down", "longer(1)", "Longer", show=False),
        Binding("up", "longer(-1)", "Shorter", show=False),
        Binding("j,pagedown", "scroll(1)", "Down", show=False),
        Binding("k,pageup", "scroll(-1)", "Up", show=False),
    ]

    def __init__(
        self,
        propose: Callable[[int, int], None],
        findings: Sequence[Finding],
        now: Callable[[], float],
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__()
        self._propose = propose
        self._findings = findings
        self._places = places_of(findings)
        self._chosen = 0
        self._now = now
        self._zone = zone
        self._place = DAYS.index(USUAL_DAYS)
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

    def action_other(self, step: int) -> None:
        """Another finding of this refusal."""
        chosen = min(max(self._chosen + step, 0), len(self._places) - 1)
        if chosen != self._chosen:
            self._chosen = chosen
            self._ask()

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
        self._propose(self._places[self._chosen], DAYS[self._place])

    def _write(self, said: str) -> None:
        if not self.is_attached:
            return  # it was closed while the daemon was looking
        # The keys come first: on a short screen the rest has to be scrolled.
        lines: list[Line] = [title_line(self._fix), self._key_line(), ()]
        if said:
            lines += [line((f"  {said}", "warn")), ()]
        if len(self._places) > 1:
            finding = self._findings[self._places[self._chosen]]
            lines.append(finding_line(finding, self._chosen + 1, len(self._places)))
        if self._fix is not None:
            lines += fix_lines(self._fix, DAYS[self._place], self._zone)
        self.query_one(Page).show(lines)

    def _key_line(self) -> Line:
        leaving = words_of(self, "dialog.leave")
        if self._fix is None or not self._fix.possible:
            return line("  ", (leaving[min(1, len(leaving) - 1)], "key"), " close")
        agreeing = words_of(self, "dialog.agree")
        doing = (agreeing[0], "key"), " write it and put it in force    "
        return line("  ", *doing, (" or ".join(leaving[:2]), "key"), " leave it")
