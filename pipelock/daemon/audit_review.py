"""Looking through the audit log: whether its lines are whole, in order, and nobody else's to write."""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pipelock.model import AuditFile, AuditState

__all__ = ["MAX_BYTES", "read_audit"]

MAX_BYTES = 64 * 1024 * 1024
"""How much is read; the newest."""
MAX_FILES = 100
MAX_LINE = 4 * 1024 * 1024
"""A longer line is counted as broken."""


class _Line(msgspec.Struct):
    """What of a line is looked at."""

    time: str = ""
    verdict: str = ""


_decoder = msgspec.json.Decoder(_Line)


class _Count:
    """What was seen so far, oldest line first."""

    def __init__(self) -> None:
        self.lines = self.broken = self.backwards = self.blocked = 0
        self.first = self.last = ""

    def line(self, data: bytes) -> None:
        """One line."""
        self.lines += 1
        try:
            line = _decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.broken += 1
            return
        self.blocked += line.verdict == "block"
        if not line.time:
            return
        # Times are written in one form, in UTC, so that their order is that of their text.
        self.backwards += line.time < self.last
        self.first = self.first or line.time
        self.last = line.time


def read_audit(path: Path, *, max_bytes: int = MAX_BYTES) -> AuditState:
    """Look through `path` and the older files beside it (`.1`, `.2`…), the newest `max_bytes` of them."""
    files = [found for name in _names(path) if (found := _facts(name)) is not None]
    problems = [] if files else [f"there is no audit log at {path}"]
    problems += [
        f"{file.path} may be read or written by others (mode {file.mode:04o}); chmod 600"
        for file in files
        if file.mode & 0o077
    ]
    chosen: list[tuple[AuditFile, int]] = []
    left = max_bytes
    for file in files:
        if left <= 0:
            break
        chosen.append((file, max(0, file.size - left)))
        left -= file.size
    count, read = _Count(), 0
    for file, start in reversed(chosen):
        try:
            for line in _lines(Path(file.path), start):
                read += len(line) + 1
                count.line(line)
        except OSError as error:
            problems.append(f"{file.path} can't be read: {error.strerror or error}")
    if count.broken:
        problems.append(f"{count.broken} lines are no JSON objects: they were cut off, or somebody else wrote them")
    if count.backwards:
        problems.append(
            f"{count.backwards} lines are older than the line before: the clock was set back, or lines moved"
        )
    return AuditState(
        files=tuple(files),
        lines=count.lines,
        broken=count.broken,
        backwards=count.backwards,
        blocked=count.blocked,
        first_at=_seconds(count.first),
        last_at=_seconds(count.last),
        problems=tuple(problems),
        complete=len(chosen) == len(files) and all(start == 0 for _, start in chosen),
        read_bytes=read,
    )


def _names(path: Path) -> Iterator[Path]:
    yield path
    for number in range(1, MAX_FILES):
        older = path.with_name(f"{path.name}.{number}")
        if not older.exists():
            return
        yield older


def _facts(path: Path) -> AuditFile | None:
    try:
        info = path.lstat()
    except OSError:
        return None
    if not stat.S_ISREG(info.st_mode):
        return None
    return AuditFile(str(path), info.st_size, info.st_mtime, stat.S_IMODE(info.st_mode))


def _lines(path: Path, start: int) -> Iterator[bytes]:
    """Lines from the first that begins at or after `start`; what is longer than `MAX_LINE` comes in pieces."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(fd, "rb") as file:
        if start:
            file.seek(start - 1)
            file.readline(MAX_LINE)
        while line := file.readline(MAX_LINE):
            yield line.removesuffix(b"\n")


def _seconds(text: str) -> float:
    if not text:
        return 0.0
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)).timestamp()
