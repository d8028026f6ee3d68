"""Which mounts of a finished view have been taken off by what somebody outside did.

When a process outside removes what a mount lies on, or renames something over it, the kernel takes the mount off: a
hidden file that an editor has saved anew is seen, a part that could only be read can be changed. Inside nobody can do
that, and nobody can put it right either; but the kernel says that it happened (proc_pid_mountinfo(5): poll).
"""

from __future__ import annotations

import os
import select
from typing import Final

__all__ = ["EVENTS", "Covers", "mount_points", "unescaped"]

EVENTS: Final = select.POLLPRI | select.POLLERR
"""What to poll a `Covers` for."""

_CHUNK: Final = 65_536


class Covers:
    """The mounts of the namespace that the caller is in, which change no more by its own doing."""

    def __init__(self) -> None:
        self._file = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._known = self._read()

    def fileno(self) -> int:
        """For polling."""
        return self._file

    def lost(self) -> tuple[str, ...]:
        """Where mounts have gone since the last time, sorted. One that was moved with the folder around it has not.

        Raises:
            OSError: the list can't be read.
        """
        now = self._read()
        gone = sorted(point for number, point in self._known.items() if number not in now)
        self._known = now
        return tuple(gone)

    def _read(self) -> dict[int, str]:
        os.lseek(self._file, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._file, _CHUNK):
            parts.append(part)
        return mount_points(b"".join(parts).decode("utf-8", "surrogateescape"))


def mount_points(mountinfo: str) -> dict[int, str]:
    """Where each mount is, by its number; lines of another form are skipped."""
    found = {}
    for line in mountinfo.split("\n"):
        fields = line.split(" ", 5)
        if len(fields) == 6 and fields[0].isdecimal():
            found[int(fields[0])] = unescaped(fields[4])
    return found


def unescaped(field: str) -> str:
    """A path of mountinfo: white space and backslashes come as three octal digits."""
    for code in (r"\040", r"\011", r"\012"):
        field = field.replace(code, chr(int(code[1:], 8)))
    return field.replace(r"\134", "\\")
