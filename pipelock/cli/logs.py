"""`pipelock logs`: the audit log, filtered, its end, or as it grows."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.link import open_client
from pipelock.cli.table import Arguments
from pipelock.control.client import NotRunning
from pipelock.control.paths import home_dir
from pipelock.model import escape

__all__ = ["MAX_LAST", "MAX_LINE", "POLL", "Tail", "execute", "matches"]

MAX_LINE = 1_048_576
"""Bytes of one line; the rest of a longer one is not shown."""
MAX_LAST = 100_000
"""Largest `--last`: that many lines are kept in memory."""
POLL = 0.25
"""Seconds between looks at a file that is followed."""


def matches(line: str, event: str) -> bool:
    """Whether `line` is of that event; a line that is no JSON object matches where it contains the word."""
    if not event:
        return True
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return event in line
    return entry.get("event") == event if isinstance(entry, dict) else event in line


class Tail:
    """A log file read line by line, across its rotation: the new file under the name is gone on with.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("rb")
        self._rest = b""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def lines(self) -> Iterator[str]:
        """The complete lines there are now and were not given yet; the last of a rotated file may lack its end."""
        yield from self._drain()
        if self._replaced():
            yield from self._drain()
            if self._rest:
                yield self._text(self._rest)
            self._rest = b""
            self._file.close()
            self._file = self._path.open("rb")
            yield from self._drain()

    def _drain(self) -> Iterator[str]:
        while True:
            data = self._file.readline(MAX_LINE)
            if not data:
                return
            if data.endswith(b"\n"):
                yield self._text(self._rest + data)
                self._rest = b""
            elif len(self._rest) < MAX_LINE:
                self._rest += data

    def _replaced(self) -> bool:
        """Whether the name stands for another file by now; while there is none under it, it does not."""
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(self._file.fileno())
        if (there.st_ino, there.st_dev) != (here.st_ino, here.st_dev):
            return True
        if here.st_size < self._file.tell():
            self._file.seek(0)
            self._rest = b""
        return False

    def _text(self, data: bytes) -> str:
        return data[:MAX_LINE].rstrip(b"\r\n").decode("utf-8", "replace")


def execute(arguments: Arguments, sleep: Callable[[float], None] = time.sleep) -> int:
    """Print matching lines; with `--follow` go on until interrupted."""
    if arguments.last > MAX_LAST:
        raise UsageError(f"--last takes at most {MAX_LAST}")
    path = arguments.file or _running_log(arguments)
    if arguments.check:
        return _check(path, as_json=arguments.json)
    try:
        tail = Tail(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        _print(tail, arguments, sleep)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise CommandError(f"{path} cannot be read: {error.strerror or error}") from error
    finally:
        tail.close()
    return 0


def _print(tail: Tail, arguments: Arguments, sleep: Callable[[float], None]) -> None:
    def wanted() -> Iterator[str]:
        return (line for line in tail.lines() if matches(line, arguments.filter))

    # Without a limit nothing is kept; with one only the end is.
    for line in deque(wanted(), maxlen=arguments.last) if arguments.last else wanted():
        print(escape(line, MAX_LINE))
    while arguments.follow:
        sleep(POLL)
        for line in wanted():
            print(escape(line, MAX_LINE), flush=True)


def _check(path: Path, *, as_json: bool) -> int:
    """Look the log through; exit code 1 where something is wrong with it."""
    # Imported here: printing needs none of it.
    from pipelock.cli.output import print_json  # noqa: PLC0415
    from pipelock.daemon.audit_review import read_audit  # noqa: PLC0415

    state = read_audit(path)
    if as_json:
        print_json(state)
    else:
        part = "" if state.complete else f" (the newest {state.read_bytes // 2**20} MiB)"
        files = "1 file" if len(state.files) == 1 else f"{len(state.files)} files"
        print(f"{files}, {state.lines} lines{part}, {state.blocked} blocked")
        for problem in state.problems:
            print(f"! {escape(problem, 500)}")
    return 1 if state.problems else 0


def _running_log(arguments: Arguments) -> Path:
    """Where the running daemon writes its log; without a daemon, where one writes it unless configured otherwise."""
    try:
        with open_client(arguments) as client:
            return Path(client.status().audit_path)
    except NotRunning:
        return home_dir(os.environ, arguments.home) / "audit" / "audit.jsonl"
