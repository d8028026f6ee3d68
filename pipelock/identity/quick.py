"""Connections of processes that connected a moment ago, told without a thread.

A few reads of /proc that never wait for a disk, and one question to the kernel: cheaper than carrying the same work to
a thread and back. Whatever is not so simple is left to the long way.
"""

from __future__ import annotations

import os
import signal
from collections import OrderedDict
from pathlib import Path

import msgspec

from pipelock.identity._netlink import Ends, SocketDiag
from pipelock.identity.process import PROC, ProcessId, UnreadableProcessError, process_id
from pipelock.identity.root import Root

__all__ = ["MAX_TRIED", "Held", "Quick", "Sighting"]

MAX_TRIED = 4
"""Processes, the latest, that are tried."""
MAX_PLACES = 4
"""Descriptors that are remembered of each, for they are used again; those beside the latest are tried too."""


class Held(msgspec.Struct, frozen=True):
    """A process, and the descriptor at which it has a socket."""

    process: ProcessId
    descriptor: int


class Sighting(msgspec.Struct, frozen=True):
    """A process that had a socket, where it had it, and the root it belongs to."""

    held: Held
    root: Root


class _Watch:
    """Tells whether a process still is the one that it was, for one call to the kernel where that can be had."""

    def __init__(self, process: ProcessId, proc: Path) -> None:
        self.process = process
        self._proc = proc
        self._handle = -1
        if proc == PROC and hasattr(os, "pidfd_open") and hasattr(signal, "pidfd_send_signal"):
            try:
                self._handle = os.pidfd_open(process.pid)
            except OSError:
                return  # gone, or an old kernel
            if not self._is_same():
                self.close()  # opened too late, on somebody else

    def is_there(self) -> bool:
        """Whether it is. Nobody else has had its number if so."""
        if self._handle < 0:
            return self._is_same()
        try:
            signal.pidfd_send_signal(self._handle, 0)
        except OSError:
            return False
        return True

    def _is_same(self) -> bool:
        try:
            return process_id(self.process.pid, self._proc) == self.process
        except UnreadableProcessError:
            return False

    def close(self) -> None:
        """Give the descriptor back."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


class _Entry:
    """A process that connected, and where it had its sockets, the latest first."""

    def __init__(self, sighting: Sighting, proc: Path) -> None:
        self.root = sighting.root
        self.watch = _Watch(sighting.held.process, proc)
        self.places = [sighting.held.descriptor]

    def likely(self) -> tuple[int, ...]:
        """Descriptors at which its next socket may be."""
        latest = self.places[0]
        return (*self.places, latest + 1, latest - 1)

    def found_at(self, descriptor: int) -> None:
        """It was there."""
        if self.places[0] != descriptor:
            others = [place for place in self.places if place != descriptor]
            self.places = [descriptor, *others[: MAX_PLACES - 1]]


class Quick:
    """The latest sightings. For one thread. Close it."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._latest: OrderedDict[int, _Entry] = OrderedDict()
        self._diag: SocketDiag | None = None
        self._has_diag = proc == PROC

    def close(self) -> None:
        """Give the descriptors back."""
        self.forget()
        if self._diag is not None:
            self._diag.close()
            self._diag = None

    def forget(self) -> None:
        """What was seen holds no more: programs are called otherwise, or roots are others."""
        for pid in list(self._latest):
            self._drop(pid)

    def _drop(self, pid: int) -> None:
        self._latest.pop(pid).watch.close()

    def remember(self, sighting: Sighting) -> None:
        """The long way found this."""
        if not self._can_ask():
            return
        process, descriptor = sighting.held.process, sighting.held.descriptor
        entry = self._latest.get(process.pid)
        if entry is not None and entry.watch.process == process:
            entry.root = sighting.root
            entry.found_at(descriptor)
        else:
            if entry is not None:
                self._drop(process.pid)
            self._latest[process.pid] = _Entry(sighting, self._proc)
        self._latest.move_to_end(process.pid)
        if len(self._latest) > MAX_TRIED:
            self._drop(next(iter(self._latest)))

    def _can_ask(self) -> bool:
        """Whether the kernel answers; where it does not there is the long way."""
        if self._diag is None and self._has_diag:
            try:
                self._diag = SocketDiag()
            except OSError:
                self._has_diag = False
        return self._diag is not None

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
        for pid, entry in reversed(list(self._latest.items())):
            if not entry.watch.is_there():
                self._drop(pid)
                continue
            for descriptor in entry.likely():
                # Asked again after looking: while it is there, what was seen at its number was its own.
                if self._link(pid, descriptor) == link and entry.watch.is_there():
                    entry.found_at(descriptor)
                    self._latest.move_to_end(pid)
                    return entry.root
        return None

    def _link(self, pid: int, descriptor: int) -> str:
        try:
            return os.readlink(f"{self._proc}/{pid}/fd/{descriptor}")  # noqa: PTH115 - a path object costs more than the call
        except OSError:
            return ""
