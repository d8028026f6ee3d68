"""Looking through the history's file: newest first, for a while, from any thread and from any process."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from pipelock.evidence._history_file import BrokenHistoryError, open_reader
from pipelock.model import HistoryPage, Kept, Record
from pipelock.query import EVERYTHING, Filter, where

__all__ = ["MAX_PAGE", "MAX_PAGE_BYTES", "BrokenHistoryError", "Reader"]

MAX_PAGE = 1_000
"""Most decisions in one answer."""
MAX_PAGE_BYTES = 600_000
"""Most bytes of JSON in one answer: it must go into a frame of the control socket."""
WINDOW = 5_000
"""Rows that are looked at between two looks at the clock."""

_decoder = msgspec.json.Decoder(Record)


class Reader:
    """The history, open for reading; a context manager. For one thread.

    Raises:
        BrokenHistoryError: There is no file, or none that can be read.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._base = open_reader(path)
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def search(
        self,
        wanted: Filter = EVERYTHING,
        *,
        before: int = 0,
        limit: int = 200,
        since: float = 0.0,
        seconds: float = 2.0,
    ) -> HistoryPage:
        """What `wanted` means, newest first, older than row `before` and not older than `since`.

        Ends after `limit` finds, `MAX_PAGE_BYTES` or about so many seconds; `HistoryPage.before` then says where to
        go on.

        Raises:
            BrokenHistoryError: The file is damaged.
        """
        deadline = self._clock() + seconds
        limit = max(1, min(limit, MAX_PAGE))
        found: list[Kept] = []
        size = 0
        try:
            first, last, oldest, total = self._extent()
            looked = next_before = 0
            for low, high in self._windows(first, last, before, since):
                for row, data in self._rows(wanted, low, high, since):
                    record = _decoder.decode(data)
                    if wanted.matches(record):
                        if len(found) == limit or (found and size + len(data) > MAX_PAGE_BYTES):
                            # The row that did not fit is the next page's first.
                            return HistoryPage(tuple(found), row + 1, looked + high - row, oldest, total)
                        found.append(Kept(row, record))
                        size += len(data)
                looked += high - low
                if self._clock() >= deadline and low > first:
                    next_before = low
                    break
        except (sqlite3.DatabaseError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BrokenHistoryError(f"{self._path}: {error}") from error
        return HistoryPage(tuple(found), next_before, looked, oldest, total)

    def find(self, action_id: str, limit: int = 50) -> tuple[Record, ...]:
        """The decisions on one action, newest first.

        Raises:
            BrokenHistoryError: The file is damaged.
        """
        sql = (
            "SELECT json FROM decision JOIN record USING (row) WHERE decision.id = ? ORDER BY decision.row DESC LIMIT ?"
        )
        try:
            rows = self._base.execute(sql, (action_id.casefold(), limit)).fetchall()
            return tuple(record for (data,) in rows if (record := _decoder.decode(data)).action.id == action_id)
        except (sqlite3.DatabaseError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BrokenHistoryError(f"{self._path}: {error}") from error

    def every(self, wanted: Filter = EVERYTHING, *, since: float = 0.0) -> Iterator[tuple[Record, int, int]]:
        """All that `wanted` means, newest first, each with how many rows were looked at and how many there are.

        Raises:
            BrokenHistoryError: The file is damaged.
        """
        try:
            first, last, _oldest, total = self._extent()
            for low, high in self._windows(first, last, 0, since):
                for row, data in self._rows(wanted, low, high, since):
                    record = _decoder.decode(data)
                    if wanted.matches(record):
                        yield record, last + 1 - row, total
        except (sqlite3.DatabaseError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BrokenHistoryError(f"{self._path}: {error}") from error

    def _extent(self) -> tuple[int, int, float, int]:
        """First and last row, when the first was made, how many there are."""
        # One statement, for rows go meanwhile; and each end by itself, or all rows are looked at.
        ends = "SELECT row, at, (SELECT max(row) FROM decision) FROM decision ORDER BY row LIMIT 1"
        found = self._base.execute(ends).fetchone()
        if found is None:
            return 0, -1, 0.0, 0
        first, oldest, last = found
        # Rows are removed at the old end alone, so that there are no holes but those of failed writes.
        return first, last, oldest, last - first + 1

    def _windows(self, first: int, last: int, before: int, since: float) -> Iterator[tuple[int, int]]:
        """Stretches of rows, half open, newest first, until they are older than `since`."""
        high = min(before or last + 1, last + 1)
        while high > first:
            low = max(first, high - WINDOW)
            yield low, high
            if since:
                # Clocks move: a stretch all of whose rows are too old ends it.
                (newest,) = self._base.execute(
                    "SELECT max(at) FROM decision WHERE row >= ? AND row < ?", (low, high)
                ).fetchone()
                if newest is not None and newest < since:
                    return
            high = low

    def _rows(self, wanted: Filter, low: int, high: int, since: float) -> Iterator[tuple[int, bytes]]:
        said = where(wanted.root)
        sql = (
            "SELECT row, json FROM decision JOIN record USING (row) "  # noqa: S608 - its text is made of our words
            f"WHERE row >= ? AND row < ? AND at >= ? AND ({said.sql}) ORDER BY row DESC"
        )
        yield from self._base.execute(sql, (low, high, since, *said.values))
