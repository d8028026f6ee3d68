"""What a search of the history brought so far: pages, newest first, put together in the order of time. Pure."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import partial

from pipelock.model import HistoryPage, Kept, Record
from pipelock_tui.rows import Row, row_line
from pipelock_tui.text import Line, Part, cut, line, width_of
from pipelock_tui.widgets.listing import Entry
from pipelock_tui.words import number

__all__ = ["MAX_FOUND", "PAGE", "Search"]

PAGE = 200
"""Rows that are asked for at a time."""
MAX_FOUND = 5_000
"""Rows that are kept of one search; who wants older ones searches more narrowly."""


class Search:
    """One search. `query` is what was asked; `error` why the last page did not come; `busy` while one is on its way."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.error = ""
        self.busy = True
        self._found: list[Kept] = []
        self._page = HistoryPage()
        self._asked = False
        self._entries: list[Entry] | None = None

    def __len__(self) -> int:
        return len(self._found)

    @property
    def newest(self) -> str:
        """The key of the newest row that was found."""
        return str(self._found[0].row) if self._found else ""

    @property
    def before(self) -> int:
        """Where the next page begins."""
        return self._page.before

    @property
    def complete(self) -> bool:
        """Whether nothing older is to be had."""
        return self._asked and (not self._page.before or len(self._found) >= MAX_FOUND)

    def take(self, page: HistoryPage) -> None:
        """Put a page to what is older than what there was."""
        oldest = self._found[-1].row if self._found else 0
        self._found += [kept for kept in page.items if not oldest or kept.row < oldest][: MAX_FOUND - len(self._found)]
        self._page, self._asked, self.busy, self.error = page, True, False, ""
        self._entries = None

    def record(self, key: str) -> Record | None:
        """The record behind an entry."""
        return next((kept.record for kept in self._found if str(kept.row) == key), None)

    def entries(self, zone: tzinfo | None) -> list[Entry]:
        """The rows, oldest first, with a heading for each day; made once for each page."""
        if self._entries is not None:
            return self._entries
        made: list[Entry] = []
        day = ""
        for kept in reversed(self._found):
            here = _day(kept.record.at, zone)
            if here != day:
                day = here
                made.append(Entry("", partial(_heading, here)))
            made.append(Entry(str(kept.row), partial(_row, kept.record, zone)))
        self._entries = made
        return made

    def title(self, rank: int, width: int) -> Line:
        """What was searched, how much was found, and whether there is more."""
        place = Part(f" [{rank}/{len(self._found)}{'' if self.complete else '+'}] ", "dim")
        left: list[Part] = [Part(" HISTORY ", "badge"), Part(f"  {cut(self.query, 60) or 'everything'}", "warn")]
        if self.error:
            words = (f"  ✗ {self.error}", "warn")
        elif self.busy:
            words = ("  asking…", "dim")
        else:
            start = f", back to {_day(self._page.oldest_at, None)}" if self._page.oldest_at and self.complete else ""
            words = (f"  of {number(self._page.total)} kept{start}", "dim")
        room = max(0, width - width_of(tuple(left)) - width_of((place,)))
        left.append(Part(cut(words[0], room), words[1]))
        space = Part(" " * max(0, width - width_of(tuple(left)) - width_of((place,))))
        return (*left, space, place)


def _day(at: float, zone: tzinfo | None) -> str:
    try:
        return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "at no known day"


def _heading(day: str, width: int, selected: bool) -> Line:  # noqa: FBT001, ARG001 - Entry's signature
    return line((f"── {day} " + "─" * max(0, width - len(day) - 4), "dim"))


def _row(record: Record, zone: tzinfo | None, width: int, selected: bool) -> Line:  # noqa: FBT001 - Entry's signature
    return row_line(Row(record.at, record), width, zone, selected=selected)
