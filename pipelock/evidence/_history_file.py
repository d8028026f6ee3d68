"""The history's file: its tables, opening it, writing to it, keeping it small.

`decision` holds, in narrow rows that are quick to look through, what can be asked about; `record` the decision itself
as JSON. Rows are numbered as they come and no number is used twice.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from pipelock.model import Record
from pipelock.query._fields import rules_of

__all__ = ["COLUMNS", "VERSION", "BrokenHistoryError", "HistoryFile", "columns_of", "open_reader"]

VERSION = 1
"""Of the tables. A file of another version is moved aside: the history can be done without."""
COLUMNS = (
    "at", "size", "verdict", "kind", "method", "transport", "outcome", "id", "host", "session", "agent", "layer", "rule"
)  # fmt: skip
"""Of `decision`, after `row`."""
CHUNK = 5_000
"""Most rows that are removed at once."""

_TABLES = f"""
CREATE TABLE decision (
    row INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, size INTEGER NOT NULL,
    {", ".join(f"{name} TEXT NOT NULL" for name in COLUMNS[2:])}
) STRICT;
CREATE INDEX by_id ON decision (id);
CREATE INDEX by_verdict ON decision (verdict);
CREATE TABLE record (row INTEGER PRIMARY KEY, json BLOB NOT NULL) STRICT;
PRAGMA user_version = {VERSION};
"""
TOGETHER = 100
"""Rows that one statement writes.

Each statement hands the interpreter to the reactor's thread and waits to have it back, which costs both more than
the writing.
"""
_ROW = f"(?, {', '.join('?' * len(COLUMNS))})"
_encoder = msgspec.json.Encoder()


# What says nothing of what is in the file (https://sqlite.org/rescode.html), the low byte of the code.
_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)


class BrokenHistoryError(Exception):
    """The file is no history of ours, or damaged."""


def is_passing(error: sqlite3.Error) -> bool:
    """Whether the disk or another process is to blame, and the file may be as good as ever."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _PASSING


def columns_of(record: Record) -> tuple[str | float | int, ...]:
    """The values of `COLUMNS`; texts are folded, as filters are."""
    action, decision = record.action, record.decision
    return (
        record.at,
        action.size,
        decision.verdict.value,
        action.kind.value,
        action.method.casefold(),
        action.transport.value,
        decision.outcome.value if decision.outcome is not None else "",
        action.id.casefold(),
        action.host.casefold(),
        action.session.casefold(),
        action.agent.casefold(),
        decision.layer.casefold(),
        rules_of(record).casefold(),
    )


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can't write. Close it.

    Raises:
        BrokenHistoryError: There is no file, or none of this version.
    """
    try:
        base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1.0)
    except sqlite3.Error as error:
        raise BrokenHistoryError(f"{path}: {error}") from error
    try:
        _check(base, path)
    except sqlite3.Error as error:
        base.close()
        raise BrokenHistoryError(f"{path}: {error}") from error
    except BrokenHistoryError:
        base.close()
        raise
    return base


def _check(base: sqlite3.Connection, path: Path) -> None:
    try:
        version = int(base.execute("PRAGMA user_version").fetchone()[0])
        base.execute("SELECT max(row) FROM decision").fetchone()
    except sqlite3.DatabaseError as error:
        if is_passing(error):
            raise
        raise BrokenHistoryError(f"{path}: {error}") from error
    if version != VERSION:
        raise BrokenHistoryError(f"{path} is of version {version}, this program reads {VERSION}")


class HistoryFile:
    """The file, open for writing. For one thread.

    Raises:
        OSError: The folder or file can't be made, is not ours alone, or can't be used now: it is locked, the disk full.
        BrokenHistoryError: What is there can't be used; `move_aside` makes room.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _prepare(path)
        try:
            # Made in one thread and used in another, never in two at once.
            self._base = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise BrokenHistoryError(f"{path}: {error}") from error
        try:
            self._set_up()
            self.rows = self._count("SELECT count(*) FROM decision")
        except sqlite3.DatabaseError as error:
            self._base.close()
            if is_passing(error):
                raise OSError(f"{path}: {error}") from error
            raise BrokenHistoryError(f"{path}: {error}") from error
        except BrokenHistoryError:
            self._base.close()
            raise

    def _set_up(self) -> None:
        empty = not self._count("SELECT count(*) FROM sqlite_master")
        if empty:
            self._base.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self._base.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may lose the last of it, and never harms the rest: the audit log is the record.
        self._base.execute("PRAGMA synchronous = NORMAL")
        self._base.execute("PRAGMA journal_size_limit = 4194304")
        self._base.execute("PRAGMA cache_size = -2048")
        if empty:
            self._base.executescript(_TABLES)
        _check(self._base, self.path)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def add(self, records: Sequence[Record]) -> None:
        """Write decisions, all or none.

        Raises:
            sqlite3.Error: The disk is full, the file is damaged.
        """
        base = self._base
        with self._all_or_nothing():
            # Of an AUTOINCREMENT table, the highest number that was ever given (https://sqlite.org/autoinc.html).
            last = self._one("SELECT max(seq) FROM sqlite_sequence WHERE name = 'decision'") or 0
            for start in range(0, len(records), TOGETHER):
                rows = list(enumerate(records[start : start + TOGETHER], last + start + 1))
                decisions = ", ".join([_ROW] * len(rows))
                base.execute(
                    f"INSERT INTO decision (row, {', '.join(COLUMNS)}) VALUES {decisions}",  # noqa: S608 - ours
                    [value for row, record in rows for value in (row, *columns_of(record))],
                )
                base.execute(
                    f"INSERT INTO record VALUES {', '.join(['(?, ?)'] * len(rows))}",  # noqa: S608 - ours
                    [value for row, record in rows for value in (row, _encoder.encode(record))],
                )
        self.rows += len(records)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            if self._base.in_transaction:  # a full disk may have ended it already
                self._base.execute("ROLLBACK")
            raise

    def trim(self, *, max_rows: int, max_bytes: int, before: float) -> int:
        """Remove the oldest rows where there are too many, too much, or from `before`; at most `CHUNK` of them.

        Returns how many went. Called until it is 0.

        Raises:
            sqlite3.Error: as `add`.
        """
        row = self._one("SELECT min(row) FROM decision")
        if row is None:
            return 0
        end = row + min(CHUNK, max(0, self.rows - max_rows))
        if self.size > max_bytes:
            end = max(end, row + min(CHUNK, self.rows // 20 + 1))
        # Clocks go back: what stands before the first row that is young enough goes, whatever its own time.
        old = self._one("SELECT min(row) FROM (SELECT row, at FROM decision ORDER BY row LIMIT ?) WHERE at >= ?",
                        CHUNK, before)  # fmt: skip
        end = max(end, row + CHUNK if old is None else old)
        if end <= row:
            return 0
        with self._all_or_nothing():
            self._base.execute("DELETE FROM record WHERE row < ?", (end,))
            gone = self._base.execute("DELETE FROM decision WHERE row < ?", (end,)).rowcount
        # Each step of it gives back a page, and `execute` makes one step.
        self._base.executescript("PRAGMA incremental_vacuum(2000)")
        self.rows -= gone
        return int(gone)

    @property
    def size(self) -> int:
        """Bytes in use."""
        return (self._count("PRAGMA page_count") - self._count("PRAGMA freelist_count")) * self._count(
            "PRAGMA page_size"
        )

    def _one(self, sql: str, *values: object) -> int | None:
        found: int | None = self._base.execute(sql, values).fetchone()[0]
        return found

    def _count(self, sql: str) -> int:
        return self._one(sql) or 0

    @staticmethod
    def move_aside(path: Path) -> Path:
        """Make room for a new file; an older one that was moved aside is replaced. Where it is now.

        Raises:
            OSError: it can't be moved.
        """
        aside = path.with_name(f"{path.name}.broken")
        path.replace(aside)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        return aside


def _prepare(path: Path) -> None:
    """See to it that the folder and the file are ours alone before anything is written."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
            raise PermissionError(f"{path} is not a regular file of this user; move it away")
        if info.st_mode & 0o077:
            os.fchmod(fd, 0o600)
    finally:
        os.close(fd)
