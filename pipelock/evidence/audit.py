"""The audit log on disk: append-only, 0600, rotated by size.

A line is handed to the kernel before the decision it records is enforced, so a daemon that dies loses nothing it
acted upon; the disk itself is synchronised by the kernel. Whoever writes a line gets the `OSError` of a full or
read-only disk and decides what it means: the door blocks. Whatever happened to the line before, a line starts at the
beginning of a line.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["AuditLog"]

_LOOK_SECONDS = 1.0
_LINE_FEED = 0x0A
# O_NOFOLLOW: a link planted here would make us append to, and chmod, somebody else's file. O_NONBLOCK: opening a pipe
# that nobody reads would wait for ever. Readable, to see how the file ends.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


class AuditLog:
    """Writes lines to `path`; at `max_bytes` the file becomes `path.1` and so on up to `path.<keep>`.

    Raises:
        OSError: the directory or the file cannot be made, or is not ours alone.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = 64 * 1024 * 1024,
        keep: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.keep = keep
        self._clock = clock
        self._looked_at = 0.0
        self._fd = -1
        self._size = 0
        self._is_torn = False
        self._open()

    def write(self, line: bytes) -> None:
        """Append one line.

        Raises:
            OSError: it was not written whole. A torn line is closed by the next write's line feed.
        """
        if self._fd >= 0 and self._is_removed():
            self.close()
        if self._fd < 0:
            self._open()
        if self._size and self._size + len(line) > self.max_bytes:
            self._rotate()
        if self._is_torn:
            line = b"\n" + line
        written = os.write(self._fd, line)
        self._size += written
        if written:
            self._is_torn = line[written - 1] != _LINE_FEED
        if written != len(line):
            raise OSError(f"{self.path}: only {written} of {len(line)} bytes were written")

    def _is_removed(self) -> bool:
        """Whether somebody removed the file: what is written to it, nobody would ever read. Looked at once a second."""
        now = self._clock()
        if now - self._looked_at < _LOOK_SECONDS:
            return False
        self._looked_at = now
        return os.fstat(self._fd).st_nlink == 0

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(self.path, _FLAGS, 0o600)
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
                raise PermissionError(f"{self.path} is not a regular file of this user; move it away")
            if info.st_mode & 0o077:
                os.fchmod(fd, 0o600)
            # A daemon that was killed, or a disk that was full, may have left half a line.
            self._is_torn = info.st_size > 0 and os.pread(fd, 1, info.st_size - 1) != b"\n"
        except OSError:
            os.close(fd)
            raise
        self._fd, self._size = fd, info.st_size

    def _rotate(self) -> None:
        self.close()
        if self.keep < 1:
            self.path.unlink(missing_ok=True)
        else:
            for number in range(self.keep - 1, 0, -1):
                older = self._numbered(number)
                if older.exists():
                    older.replace(self._numbered(number + 1))
            self.path.replace(self._numbered(1))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")
