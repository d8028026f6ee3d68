"""Decisions on standard output, without ever waiting for whoever reads it."""

from __future__ import annotations

import os
import select

__all__ = ["Echo"]


class Echo:
    """Writes lines to a descriptor. What a full pipe or a stopped terminal does not take is left out, and counted.

    The audit log has every decision; this is for looking on. A pipe that is reported writable takes `PIPE_BUF` bytes
    (4 096 on Linux) without blocking (pipe(7)); a longer line is cut to that.
    """

    def __init__(self, fd: int = 1) -> None:
        self._fd = fd
        self.missed = 0

    def __call__(self, line: bytes) -> None:
        """Write one line, or note that it was left out.

        Raises:
            OSError: nobody will ever read again.
        """
        if not self._takes():
            self.missed += 1
            return
        if self.missed:
            note = b"pipelock: %d lines were not shown here; the audit log has them\n" % self.missed
            self.missed = 0
            os.write(self._fd, note)
            if not self._takes():
                self.missed += 1
                return
        os.write(self._fd, line if len(line) <= select.PIPE_BUF else line[: select.PIPE_BUF - 1] + b"\n")

    def _takes(self) -> bool:
        return bool(select.select([], [self._fd], [], 0)[1])
