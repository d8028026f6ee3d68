"""The list of decisions, and one of them in full."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from pipelock_tui.actions import Action, bindings
from pipelock_tui.board import Change
from pipelock_tui.explain import verdict_lines
from pipelock_tui.messages import FilterChanged, Opened
from pipelock_tui.rows import Row
from pipelock_tui.traffic.actions import ACTIONS
from pipelock_tui.views import Shell, View
from pipelock_tui.widgets.decisions import Decisions
from pipelock_tui.widgets.filter_line import FilterLine
from pipelock_tui.widgets.listhead import ListHead
from pipelock_tui.widgets.paint import Page

__all__ = ["TrafficView"]


class TrafficView(View):
    """List and detail; the list follows until the operator moves."""

    NAME: ClassVar[str] = "traffic"
    ACTIONS: ClassVar[tuple[Action, ...]] = ACTIONS
    BINDINGS: ClassVar[list[BindingType]] = bindings(ACTIONS)

    def __init__(self, shell: Shell) -> None:
        super().__init__(shell)
        self._viewing: Row | None = None
        self._list = Decisions(self.board.journal, shell.clock.zone)
        self._head = ListHead()
        self._page = Page(hang=11, id="detail")
        self._filter = FilterLine()
        self.deeds["traffic.filter"] = lambda _: self._filter.open()
        self.deeds["traffic.follow"] = lambda _: self._list.action_toggle_follow()

    def compose(self) -> ComposeResult:
        """List, detail, filter."""
        with Vertical(id="middle"):
            with Vertical(id="list"):
                yield self._head
                yield self._list
            yield self._page
        yield self._filter

    def take_focus(self) -> None:
        """The list works the keys."""
        self._list.focus()

    def absorb(self, change: Change) -> None:
        """Show the new rows."""
        if change.rows:
            self._list.grown(change.dropped)

    def refresh_view(self) -> None:
        """Bring head and detail in line."""
        journal = self.board.journal
        self._head.update(
            following=self._list.following,
            place=self._list.cursor + 1 if len(journal) else 0,
            shown=len(journal),
            total=journal.total,
            wanted=journal.filter.source,
        )
        if self._viewing is not None and self._viewing.record is not None:
            self._page.show(verdict_lines(self._viewing.record, self.shell.clock.zone))

    def back(self) -> bool:
        """Close the detail."""
        if self._viewing is None:
            return False
        self._viewing = None
        self.remove_class("detailed")
        self._list.focus()
        return True

    def on_filter_changed(self, message: FilterChanged) -> None:
        """Apply a filter."""
        self._list.apply(message.wanted)
        self.shell.draw()

    def on_filter_closed(self) -> None:
        """Go back to the list."""
        self._list.focus()
        self.board.desk.rearm(self.shell.clock.monotonic())
        self.shell.draw()

    def on_opened(self, message: Opened) -> None:
        """The cursor moved, or the detail was asked for."""
        row = self._list.selected
        if row is not None and (message.shown or self._viewing is not None):
            if row is not self._viewing:
                self._viewing = row
                self._page.scroll_to(y=0, animate=False, immediate=True)
            self.add_class("detailed")
        self.shell.draw()
