"""suppressions.yaml on disk: 0600, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import threading
from pathlib import Path

from pipelock.config import ConfigError, Loaded
from pipelock.config.problems import Problem
from pipelock.config.schema_scanning import Suppression
from pipelock.config.suppressions_file import FILE, MAX_ENTRIES, entry_id, format_file, overlaid, parse_file
from pipelock.config.tree import MAX_BYTES

__all__ = ["SuppressionsFile", "with_suppressions"]


class SuppressionsFile:
    """The file in `home`. Methods read and write it anew: it is small, and others may change it. For any thread."""

    def __init__(self, home: Path) -> None:
        self.path = home / FILE
        self._changing = threading.Lock()

    def read(self) -> tuple[Suppression, ...]:
        """Its entries; none where there is no file.

        Raises:
            ConfigError: It is not valid, can't be read, or somebody else may write it.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._wrong(f"cannot be read: {error.strerror or error}") from error
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
            os.close(fd)
            raise self._wrong("is not a regular file of this user; move it away")
        with os.fdopen(fd, "rb") as file:
            if info.st_mode & 0o022:
                raise self._wrong("others may write it, and with it the policy (chmod 600)")
            try:
                data = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise self._wrong(f"cannot be read: {error.strerror or error}") from error
        return parse_file(data, str(self.path))

    def add(self, entry: Suppression) -> bool:
        """Add an entry; whether it was not there yet.

        Raises:
            ConfigError: The file is not valid, or full.
            OSError: It can't be written.
        """
        with self._changing:
            entries = self.read()
            if any(entry_id(other) == entry_id(entry) for other in entries):
                return False
            if len(entries) >= MAX_ENTRIES:
                raise self._wrong(f"holds {MAX_ENTRIES} entries already; remove some")
            self._write((*entries, entry))
            return True

    def remove(self, name: str) -> Suppression | None:
        """Take out the entry with this id; what it was, `None` where there is none.

        Raises:
            ConfigError: The file is not valid.
            OSError: It can't be written.
        """
        with self._changing:
            entries = self.read()
            gone = next((entry for entry in entries if entry_id(entry) == name), None)
            if gone is not None:
                self._write(tuple(entry for entry in entries if entry_id(entry) != name))
            return gone

    def _write(self, entries: tuple[Suppression, ...]) -> None:
        data = format_file(entries)
        parse_file(data, str(self.path))  # what could not be read again is never written
        beside = self.path.with_name(f".{FILE}.{secrets.token_hex(6)}")
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise

    def _wrong(self, message: str) -> ConfigError:
        return ConfigError([Problem(str(self.path), 0, 0, "", message)])


def with_suppressions(loaded: Loaded, home: Path) -> Loaded:
    """`loaded` with what suppressions.yaml in `home` adds to it.

    Raises:
        ConfigError: as `SuppressionsFile.read`.
    """
    return overlaid(loaded, SuppressionsFile(home).read())
