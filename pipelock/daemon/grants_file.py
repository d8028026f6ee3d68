"""approvals.yaml on the disk: read with suspicion, written whole, and never over what somebody else wrote there.

Whoever may write this file may approve. So it must be a regular file of the daemon's own user that nobody else can
change, it is not reached through a symbolic link, and what changes in it while the daemon runs is shown and not obeyed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

import msgspec

from pipelock.config import ConfigError
from pipelock.config.approvals_file import MAX_KEPT, format_approvals, parse_approvals
from pipelock.config.tree import MAX_BYTES
from pipelock.daemon.line_diff import line_diff
from pipelock.engine.approvals import grant_words, wrong_with
from pipelock.model import Grant

__all__ = ["GrantsFile", "GrantsFileError"]

MAX_DIFF_LINES = 200
MAX_DIFF_LINE = 400
"""Characters of a line of a diff; a reply has to fit into a frame, whoever wrote the file."""
_Stamp = tuple[int, int, int, int]


class GrantsFileError(Exception):
    """The file can't be read or written; the text says why and what to do."""


class GrantsFile:
    """The file at `path`. What it held when it was last read, reviewed or written by us is what counts as ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ours: bytes | None = None
        self._seen: tuple[_Stamp | None, bytes | None] = (None, None)

    def load(self) -> tuple[Grant, ...]:
        """Take the file as it is; none where there is no file.

        Raises:
            GrantsFileError: it can't be trusted, or says something that is not valid. It then stays as it is.
        """
        data = self._read()
        grants = () if data is None else self._parse(data)
        self._ours = data
        return grants

    def write(self, grants: tuple[Grant, ...]) -> None:
        """Let the file hold exactly `grants`.

        Raises:
            GrantsFileError: there are too many, somebody else changed the file, or it can't be written.
        """
        if len(grants) > MAX_KEPT:
            raise GrantsFileError(f"{self.path.name} holds {MAX_KEPT} answers already; revoke some")
        if self._read() != self._ours:
            raise GrantsFileError(
                f"{self.path.name} was changed by somebody else; look at `pipelock approvals diff`, then take it over "
                "with `pipelock approvals review`"
            )
        data = format_approvals(grants)
        try:
            _replace(self.path, data)
        except OSError as error:
            raise GrantsFileError(f"{self.path} can't be written: {error.strerror or error}") from error
        self._ours = data

    def unreviewed(self) -> tuple[str, ...]:
        """What differs from what is in force, as lines of a diff, at most 200, of 400 characters; empty if nothing."""
        try:
            now = self._read_again()
        except GrantsFileError as error:
            return (f"! {error}",)
        if now == self._ours:
            return ()
        before, after = (
            (data or b"").decode("utf-8", "replace").splitlines()[: MAX_KEPT * 20] for data in (self._ours, now)
        )
        lines = list(line_diff(before, after, "in force", self.path.name))
        if len(lines) > MAX_DIFF_LINES:
            lines = [*lines[:MAX_DIFF_LINES], f"! and {len(lines) - MAX_DIFF_LINES} more lines"]
        return tuple(map(_cut, lines)) or ("! only line ends or blanks differ",)

    def _read_again(self) -> bytes | None:
        """The file, read only if it looks different from last time: whoever lists grants asks often."""
        stamp = self._stamp()
        if stamp is None or stamp != self._seen[0]:
            self._seen = (stamp, self._read())
        return self._seen[1]

    def _stamp(self) -> _Stamp | None:
        try:
            info = os.lstat(self.path)
        except OSError:
            return None
        return info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino

    def _read(self) -> bytes | None:
        """The bytes of the file; `None` where there is none.

        Raises:
            GrantsFileError: it can't be read, or is not to be trusted.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GrantsFileError(f"{self.path} can't be read: {error.strerror or error}") from error
        try:
            info = os.fstat(descriptor)
            if not stat.S_ISREG(info.st_mode):
                raise GrantsFileError(f"{self.path} is not a regular file")
            if info.st_uid != os.geteuid():
                raise GrantsFileError(f"{self.path} belongs to another user")
            if info.st_mode & 0o022:
                raise GrantsFileError(f"others may change {self.path} (mode {info.st_mode & 0o777:o}); chmod 600 it")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise GrantsFileError(f"{self.path} can't be read: {error.strerror or error}") from error
        finally:
            os.close(descriptor)

    def _parse(self, data: bytes) -> tuple[Grant, ...]:
        try:
            grants = parse_approvals(data, str(self.path), wrong_with)
        except ConfigError as error:
            raise GrantsFileError(str(error)) from error
        return tuple(msgspec.structs.replace(grant, words=grant_words(grant)) for grant in grants)


def _cut(line: str) -> str:
    more = len(line) - MAX_DIFF_LINE
    return f"{line[:MAX_DIFF_LINE]}… [{more} more characters]" if more > 0 else line


def _replace(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 beside `path` and put it in its place, so that no reader sees half of it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
