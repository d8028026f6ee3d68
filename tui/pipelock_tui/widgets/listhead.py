"""The line over the list: column titles, FOLLOWING or PAUSED, the filter, and how many of how many are shown."""

from __future__ import annotations

from pipelock_tui.rows import head_line
from pipelock_tui.text import Line, Part, cut, width_of
from pipelock_tui.widgets.paint import Bar

__all__ = ["ListHead"]


class ListHead(Bar):
    """Two lines: what is listed, and the columns."""

    def __init__(self) -> None:
        super().__init__()
        self._following = True
        self._shown = self._total = self._place = 0
        self._filter = ""

    def update(self, *, following: bool, place: int, shown: int, total: int, wanted: str) -> None:
        """Show another state. `place` is the cursor's row, from 1."""
        state = (following, place, shown, total, wanted)
        if state != (self._following, self._place, self._shown, self._total, self._filter):
            self._following, self._place, self._shown, self._total, self._filter = state
            self.refresh()

    def content(self, width: int) -> list[Line]:
        """The badge and count at the right, the title and filter at the left, then the columns (beside a scrollbar)."""
        badge = Part(" ▼ FOLLOWING ", "follow") if self._following else Part(" ‖ PAUSED ", "badge")
        count = Part(f" [{self._place}/{self._shown}] ", "dim")
        right = (badge, count)
        room = width - width_of(right)
        left = [Part(" DECISIONS ", "title")]
        if self._filter:
            left.append(Part(cut(f" filter {self._filter} ({self._shown} of {self._total})", room - 12), "warn"))
        space = Part(" " * max(0, room - width_of(tuple(left))))
        return [(*left, space, *right), head_line(width - 1)]
