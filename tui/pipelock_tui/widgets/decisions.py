"""The live list of decisions: newest at the bottom, following until the operator scrolls up."""

from __future__ import annotations

from datetime import tzinfo
from typing import ClassVar

from textual.binding import BindingType
from textual.events import Click, MouseScrollUp
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from pipelock.query import Filter
from pipelock_tui.actions import LISTS, bindings
from pipelock_tui.journal import Journal
from pipelock_tui.messages import Beyond, Opened
from pipelock_tui.rows import Row, row_line
from pipelock_tui.text import line
from pipelock_tui.widgets.paint import Painted

__all__ = ["MAX_DRAWN", "Decisions"]

MAX_DRAWN = 512
"""Rows that are kept as they were drawn: a list that moves on by a few rows draws only those."""


class Decisions(Painted, ScrollView, can_focus=True):
    """Draws only the rows that are on the screen; see `Journal` for what is kept."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(
        LISTS,
        {
            "list.down": "step(1)",
            "list.up": "step(-1)",
            "list.page_down": "page(1)",
            "list.page_up": "page(-1)",
            "list.first": "first",
            "list.last": "last",
            "list.open": "open",
        },
    )

    def __init__(self, journal: Journal, zone: tzinfo | None = None) -> None:
        # Before the widget is one: Textual tells of styles while it is made.
        self._drawn: dict[tuple[int, bool], tuple[Row, int, Strip]] = {}
        super().__init__(id="decisions")
        self.journal = journal
        self.following = True
        self._zone = zone
        self._cursor = 0
        self._empty = ""

    @property
    def cursor(self) -> int:
        """Index of the selected row among those shown; the newest while following."""
        if self.following:
            return max(0, len(self.journal) - 1)
        return self.journal.index(self._cursor)

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        return self.journal.row(self.cursor) if len(self.journal) else None

    def grown(self, dropped: int) -> None:
        """The journal took in new rows, and `dropped` of those shown fell out: while paused, keep the place."""
        self._resize()
        if self.following:
            self._to_end()
        elif dropped:
            self.scroll_to(y=max(0, self.scroll_offset.y - dropped), animate=False, force=True, immediate=True)
        self.refresh()

    def apply(self, wanted: Filter) -> None:
        """Show only what the filter matches, staying at the selected row where it is still shown."""
        self.journal.apply(wanted)
        self._resize()
        if self.following:
            self._to_end()
        else:
            self._reveal()
        self.refresh()
        self.post_message(Opened(shown=False))

    def on_resize(self) -> None:
        """Lay out at the new size."""
        self._resize()
        if self.following:
            self._to_end()
        else:
            self._reveal()

    def say(self, empty: str) -> None:
        """What stands there while no row does."""
        if empty != self._empty:
            self._empty = empty
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row."""
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if index >= len(self.journal):
            words = line((f"  {self._empty}", "dim")) if y == 1 and not len(self.journal) else ()
            return self.paint(words, self.size.width)
        selected = index == self.cursor
        row, key = self.journal.row(index), (self.journal.number(index), selected)
        drawn = self._drawn.get(key)
        if drawn is None or drawn[0] is not row or drawn[1] != width:
            strip = self.paint(row_line(row, width, self._zone, selected=selected), self.size.width, selected=selected)
            if len(self._drawn) >= MAX_DRAWN:
                self._drawn.clear()
            drawn = self._drawn[key] = (row, width, strip)
        return drawn[2]

    def notify_style_update(self) -> None:
        """Rows that were drawn look different now."""
        super().notify_style_update()
        self._drawn.clear()

    def action_step(self, step: int) -> None:
        """Move the cursor; reaching the newest row does not resume following. Beyond the oldest row is the history."""
        if step < 0 and not self.following and self.cursor == 0 and len(self.journal):
            self.post_message(Beyond())
        self._select(self.cursor + step)

    def action_page(self, direction: int) -> None:
        """Move the cursor by a screenful."""
        self._select(self.cursor + direction * max(1, self.scrollable_content_region.height - 1))

    def action_first(self) -> None:
        """Go to the oldest row."""
        self._select(0)

    def action_last(self) -> None:
        """Go to the newest row and follow."""
        self.following = True
        self._to_end()
        self.refresh()
        self.post_message(Opened(shown=False))

    def action_toggle_follow(self) -> None:
        """Pause at this row, or follow again."""
        if self.following:
            self._select(self.cursor)
        else:
            self.action_last()

    def action_open(self) -> None:
        """Ask for the detail of the selected row; the list stops moving under it."""
        if len(self.journal):
            self._select(self.cursor)
            self.post_message(Opened(shown=True))

    def on_click(self, event: Click) -> None:
        """Select the row under the pointer."""
        index = event.y + self.scroll_offset.y
        if index < len(self.journal):
            self._select(index)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scrolling back pauses."""
        if self.following and len(self.journal):
            self._select(self.cursor)

    def _select(self, index: int) -> None:
        if not len(self.journal):
            return
        index = min(max(index, 0), len(self.journal) - 1)
        left, top = self.cursor, self.scroll_offset.y
        self.following = False
        self._cursor = self.journal.number(index)
        self._reveal()
        if self.scroll_offset.y == top:
            self.refresh_line(left)
            self.refresh_line(index)
        else:
            self.refresh()
        self.post_message(Opened(shown=False))

    def _reveal(self) -> None:
        top, height, index = self.scroll_offset.y, max(1, self.scrollable_content_region.height), self.cursor
        target = min(max(top, index - height + 1), index)
        if target != top:
            self.scroll_to(y=target, animate=False, force=True, immediate=True)

    def _resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.journal))

    def _to_end(self) -> None:
        height = self.scrollable_content_region.height
        self.scroll_to(y=max(0, len(self.journal) - height), animate=False, force=True, immediate=True)
