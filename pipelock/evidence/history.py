"""The history: decisions of the last weeks in a SQLite file, to be searched and judged again.

It is an index that can be thrown away, not the record: it may lose what the audit log keeps, and never makes anybody
wait. The reactor's thread puts a decision into a bounded queue; a thread of the history's own writes them in batches
and removes the oldest.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from pipelock.evidence._history_file import BrokenHistoryError, HistoryFile
from pipelock.model import Record

__all__ = ["FILE", "History", "HistoryLimits"]

FILE = "history/history.db"
"""Where it is in the daemon's home."""
MAX_WAITING = 10_000
"""Decisions that wait to be written; what comes then is left out."""
MAX_ROWS = 1_000_000
BATCH = 1_000
BATCH_SECONDS = 0.25
TRIM_EVERY = 60.0
COMPLAIN_EVERY = 60.0

_log = logging.getLogger(__name__)


class HistoryLimits(msgspec.Struct, frozen=True):
    """What is kept: so many bytes, so many days, so many rows; the oldest goes first."""

    max_bytes: int = 512 * 1024 * 1024
    days: int = 30
    max_rows: int = MAX_ROWS


class History:
    """Takes decisions in. `notice` is told what an operator should know, in any thread; `wall` gives the time.

    `limits` may be replaced at any time.
    """

    def __init__(
        self,
        path: Path,
        limits: HistoryLimits,
        notice: Callable[[str], None] = lambda _text: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.path = path
        self.limits = limits
        self.total = 0
        self.lost = 0
        self._notice = notice
        self._wall = wall
        self._waiting: deque[Record] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._stop = threading.Event()
        self._asked: deque[threading.Event] = deque()
        self._file: HistoryFile | None = None
        self._thread: threading.Thread | None = None
        self._complained_at = float("-inf")
        self._told_lost = 0

    def start(self) -> None:
        """Open the file, or a new one where it can't be used, and start to write.

        Raises:
            OSError: there can be no file.
        """
        self._file = self._opened()
        self.total = self._file.rows
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._thread.start()

    def add(self, record: Record) -> None:
        """Keep a decision. Never waits and never fails; where too many wait, it is counted as lost."""
        if len(self._waiting) >= MAX_WAITING:
            self.lost += 1
            return
        self._waiting.append(record)
        if not self._wake.is_set():
            self._wake.set()

    def flush(self, seconds: float = 5.0) -> bool:
        """Wait until what was added is written; whether it is."""
        written = threading.Event()
        self._asked.append(written)
        self._hurry.set()
        self._wake.set()
        return written.wait(seconds)

    def stop(self, seconds: float = 5.0) -> None:
        """Write what waits and close the file; gives up after so many seconds."""
        self._stop.set()
        self._hurry.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(seconds)
            self._thread = None

    # -- the writer's thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        trimmed_at = float("-inf")
        while True:
            self._wake.wait(TRIM_EVERY)
            # First this: whoever wakes us after it is heard in the next round.
            self._wake.clear()
            self._hurry.clear()
            # Whoever asked before this round has what he added written in it.
            asked, stopping = len(self._asked), self._stop.is_set()
            if not (stopping or asked):
                self._hurry.wait(BATCH_SECONDS)  # a batch costs little more than one
            while self._waiting:
                self._write([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
            now = time.monotonic()
            if now - trimmed_at >= TRIM_EVERY:
                trimmed_at = now
                self._trim()
            for _ in range(asked):
                self._asked.popleft().set()
            if stopping:
                break
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, batch: list[Record]) -> None:
        try:
            if self._file is None:
                self._file = self._opened()
            self._file.add(batch)
            self.total = self._file.rows
        except (sqlite3.OperationalError, OSError) as error:
            self._lose(batch, f"the history can't be written: {error}")
        except (sqlite3.DatabaseError, BrokenHistoryError) as error:
            # Damaged while it was open. The next batch begins a new one.
            if self._file is not None:
                self._file.close()
                self._file = None
            self._lose(batch, f"the history can't be written: {error}")
        except Exception as error:  # the thread must live  # noqa: BLE001
            _log.exception("decisions could not be put into the history")
            self._lose(batch, f"the history can't be written: {type(error).__name__}")
        if self.lost > self._told_lost:
            self._complain(f"{self.lost} decisions are missing in the history; the audit log has them")

    def _lose(self, batch: list[Record], why: str) -> None:
        self.lost += len(batch)
        self._complain(why)

    def _trim(self) -> None:
        limits = self.limits
        try:
            while (
                self._file is not None
                and not self._stop.is_set()
                and self._file.trim(
                    max_rows=limits.max_rows,
                    max_bytes=limits.max_bytes,
                    before=self._wall() - limits.days * 86_400,
                )
            ):
                self.total = self._file.rows
        except sqlite3.Error as error:
            self._complain(f"the history can't be made smaller: {error}")

    def _opened(self) -> HistoryFile:
        try:
            return HistoryFile(self.path)
        except BrokenHistoryError as error:
            aside = HistoryFile.move_aside(self.path)
            self._notice(f"the history begins anew ({error}); the old file is {aside}")
        try:
            return HistoryFile(self.path)
        except BrokenHistoryError as error:
            raise OSError(str(error)) from error

    def _complain(self, text: str) -> None:
        now = time.monotonic()
        if now - self._complained_at >= COMPLAIN_EVERY:
            self._complained_at = now
            self._told_lost = self.lost
            self._notice(text)
