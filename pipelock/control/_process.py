"""Processes and their ancestors, as the operating system knows them.

A process is named by its number and its start time: numbers are used again, the pair is not.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = ["MAX_DEPTH", "ProcessId", "UnreadableProcessError", "lineage", "namespaces", "process_id"]

MAX_DEPTH = 512
"""Longest chain of ancestors that is followed."""
PROC = Path("/proc")


class ProcessId(NamedTuple):
    """One process, never confused with a later one of the same number.

    `start` is in units of the system: clock ticks since boot on Linux, microseconds since the epoch elsewhere.
    """

    pid: int
    start: int


class UnreadableProcessError(Exception):
    """The process is gone, hidden, or changed while it was read."""


def process_id(pid: int, proc: Path = PROC) -> ProcessId:
    """The process that has number `pid` now.

    Raises:
        UnreadableProcessError: There is none, or it is hidden.
    """
    return _read(pid, proc)[0]


def lineage(pid: int, proc: Path = PROC) -> tuple[ProcessId, ...]:
    """Process `pid`, its parent, the parent's parent and so on, up to the first process of this PID namespace.

    Raises:
        UnreadableProcessError: The chain can't be read to its end, or changed while it was read.
    """
    chain: list[ProcessId] = []
    while pid:
        if len(chain) >= MAX_DEPTH:
            raise UnreadableProcessError(f"it has more than {MAX_DEPTH} ancestors")
        process, parent = _read(pid, proc)
        # A parent is never younger than its child, nor is the reaper that adopts an orphan. If it seems so, the
        # number was given to somebody else between two reads.
        if chain and process.start > chain[-1].start:
            raise UnreadableProcessError(f"process {pid} took the number of an ancestor")
        chain.append(process)
        pid = parent
    return tuple(chain)


def namespaces(pid: int, proc: Path = PROC) -> tuple[str, str]:
    """The network and the user namespace of process `pid`, such as `net:[4026531840]`; empty where there are none.

    Raises:
        UnreadableProcessError: The process is gone, or may not be looked at.
    """
    if not _has_proc(proc):
        return "", ""
    try:
        base = proc / str(pid) / "ns"
        return str((base / "net").readlink()), str((base / "user").readlink())
    except OSError as error:
        raise UnreadableProcessError(f"the namespaces of process {pid} can't be read: {error.strerror}") from error


def _has_proc(proc: Path) -> bool:
    return (proc / "self" / "stat").exists()


def _read(pid: int, proc: Path) -> tuple[ProcessId, int]:
    """A process and its parent's number."""
    if not _has_proc(proc):
        return _ask_psutil(pid)
    try:
        text = (proc / str(pid) / "stat").read_bytes()
    except OSError as error:
        raise UnreadableProcessError(f"process {pid} can't be read: {error.strerror}") from error
    # proc_pid_stat(5): pid (comm) state ppid … starttime is field 22. The command's name is chosen by the process and
    # may hold spaces and parentheses, so fields are counted from the last one.
    fields = text[text.rfind(b")") + 1 :].split()
    try:
        return ProcessId(pid, int(fields[19])), int(fields[1])
    except (IndexError, ValueError) as error:
        raise UnreadableProcessError(f"process {pid} can't be read: its stat line is malformed") from error


def _ask_psutil(pid: int) -> tuple[ProcessId, int]:
    import psutil  # noqa: PLC0415 - only systems without /proc need it, and clients start without it

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return ProcessId(pid, round(process.create_time() * 1_000_000)), process.ppid()
    except psutil.Error as error:
        raise UnreadableProcessError(f"process {pid} can't be read: {error}") from error
