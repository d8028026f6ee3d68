"""The decision list's memory: the newest rows, and those of them that the filter shows.

Both are bounded: 10 000 rows, the oldest go first. Rows are numbered as they come, so that a cursor stays on its row
while older ones fall out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator

from pipelock.query import EVERYTHING, Filter
from pipelock_tui.filters import shows
from pipelock_tui.rows import Row

__all__ = ["CAPACITY", "Journal"]

CAPACITY = 10_000
"""Rows kept in memory; the audit log has the rest."""


class Journal:
    """The newest `capacity` rows and the filtered view of them."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._rows: deque[tuple[int, Row]] = deque(maxlen=capacity)
        self._shown: deque[tuple[int, Row]] = deque()
        self._next = 1
        self.filter: Filter = EVERYTHING

    @property
    def total(self) -> int:
        """Rows in memory, shown or not."""
        return len(self._rows)

    def __len__(self) -> int:
        return len(self._shown)

    def rows(self) -> Iterator[Row]:
        """All rows in memory, shown or not, oldest first."""
        return (row for _, row in self._rows)

    def newest(self) -> Iterator[Row]:
        """All rows in memory, shown or not, the newest first."""
        return (row for _, row in reversed(self._rows))

    def row(self, index: int) -> Row:
        """The shown row at `index`, 0 being the oldest."""
        return self._shown[index][1]

    def number(self, index: int) -> int:
        """The lasting number of the shown row at `index`."""
        return self._shown[index][0]

    def index(self, number: int) -> int:
        """Where the row with this number is shown, or the first after it; the last row where there is none."""
        found = bisect_left(self._shown, number, key=lambda entry: entry[0])
        return min(found, max(0, len(self._shown) - 1))

    def add(self, rows: Iterable[Row]) -> int:
        """Take in new rows; returns how many shown rows fell out at the old end."""
        for row in rows:
            entry = (self._next, row)
            self._next += 1
            self._rows.append(entry)
            if shows(self.filter, row):
                self._shown.append(entry)
        oldest = self._rows[0][0] if self._rows else self._next
        dropped = 0
        while self._shown and self._shown[0][0] < oldest:
            self._shown.popleft()
            dropped += 1
        return dropped

    def apply(self, wanted: Filter) -> None:
        """Show only what `wanted` matches."""
        self.filter = wanted
        self._shown = deque(entry for entry in self._rows if shows(wanted, entry[1]))
