"""Connections of processes that connected a moment ago, told without a thread.

A few reads of /proc that never wait for a disk, and one question to the kernel: cheaper than carrying the same work to
a thread and back. Whatever is not so simple is left to the long way.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import msgspec

from pipelock.identity._netlink import Ends, SocketDiag
from pipelock.identity.process import PROC, ProcessId, UnreadableProcessError, process_id
from pipelock.identity.root import Root

__all__ = ["MAX_TRIED", "Held", "Quick", "Sighting"]

MAX_TRIED = 4
"""Processes, the latest, that are tried; each at three descriptors."""

_NEIGHBOURS = (0, 1, -1)


class Held(msgspec.Struct, frozen=True):
    """A process, and the descriptor at which it has a socket."""

    process: ProcessId
    descriptor: int


class Sighting(msgspec.Struct, frozen=True):
    """A process that had a socket, where it had it, and the root it belongs to."""

    held: Held
    root: Root


class Quick:
    """The latest sightings. For one thread. Close it."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._latest: OrderedDict[int, Sighting] = OrderedDict()
        self._diag: SocketDiag | None = None
        try:
            self._diag = SocketDiag() if proc == PROC else None
        except OSError:
            self._diag = None  # there is the long way

    def close(self) -> None:
        """Give the descriptor back."""
        self._latest.clear()
        if self._diag is not None:
            self._diag.close()
            self._diag = None

    def forget(self) -> None:
        """What was seen holds no more: programs are called otherwise, or roots are others."""
        self._latest.clear()

    def remember(self, sighting: Sighting) -> None:
        """The long way found this."""
        pid = sighting.held.process.pid
        self._latest[pid] = sighting
        self._latest.move_to_end(pid)
        if len(self._latest) > MAX_TRIED:
            self._latest.popitem(last=False)

    def find(self, ends: Ends) -> Root | None:
        """The root of the process at the client's end, if that is one of the latest."""
        if self._diag is None or not self._latest:
            return None
        try:
            found = self._diag.find(ends)
        except (OSError, ValueError):
            return None
        if found is None:
            return None
        link = f"socket:[{found.inode}]"
        for pid, sighting in reversed(self._latest.items()):
            for step in _NEIGHBOURS:
                descriptor = sighting.held.descriptor + step
                if self._link(pid, descriptor) == link:
                    return self._same(pid, descriptor, link, sighting)
        return None

    def _same(self, pid: int, descriptor: int, link: str, sighting: Sighting) -> Root | None:
        """The root, if the process is the one that was seen and still has the socket."""
        try:
            is_same = process_id(pid, self._proc) == sighting.held.process
        except UnreadableProcessError:
            is_same = False
        if not is_same or self._link(pid, descriptor) != link:
            self._latest.pop(pid, None)
            return None
        if descriptor != sighting.held.descriptor:
            self.remember(Sighting(Held(sighting.held.process, descriptor), sighting.root))
        else:
            self._latest.move_to_end(pid)
        return sighting.root

    def _link(self, pid: int, descriptor: int) -> str:
        try:
            return os.readlink(f"{self._proc}/{pid}/fd/{descriptor}")  # noqa: PTH115 - a path object costs more than the call
        except OSError:
            return ""
