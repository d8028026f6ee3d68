"""Processes, their ancestors and what they run, as the operating system knows them.

A process is named by its number and its start time: numbers are used again, the pair is not.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipelock.identity.commands import Command, masked_command, read_command
from pipelock.model import Process

__all__ = [
    "MAX_DEPTH",
    "PROC",
    "ProcessFacts",
    "ProcessId",
    "Relative",
    "UnreadableProcessError",
    "describe",
    "lineage",
    "namespaces",
    "process_id",
    "readable_process",
    "relatives",
]

MAX_DEPTH = 512
"""Longest chain of ancestors that is followed."""
MAX_COMMAND_BYTES = 8192
"""So much of a command line is read; the rest is not looked at."""
PROC = Path("/proc")


class ProcessId(NamedTuple):
    """One process, never confused with a later one of the same number.

    `start` is in units of the system: clock ticks since boot on Linux, microseconds since the epoch elsewhere.
    """

    pid: int
    start: int


class Relative(NamedTuple):
    """A process, its parent's number, and the number of the session (setsid(2)) it is in; 0 where that is not told.

    `terminal` is the device number of its controlling terminal, 0 where it has none, -1 where that is not told.
    """

    process: ProcessId
    parent: int
    session: int
    terminal: int = -1


class ProcessFacts(msgspec.Struct, frozen=True):
    """A process, the session (setsid(2)) it is in, what it runs, and its terminal as in `Relative`."""

    process: ProcessId
    session: int = 0
    command: Command = Command()
    terminal: int = -1


class UnreadableProcessError(Exception):
    """The process is gone, hidden, or changed while it was read."""


def process_id(pid: int, proc: Path = PROC) -> ProcessId:
    """The process that has number `pid` now.

    Raises:
        UnreadableProcessError: There is none, or it is hidden.
    """
    return _read(pid, proc).process


def lineage(pid: int, proc: Path = PROC) -> tuple[ProcessId, ...]:
    """Process `pid`, its parent, the parent's parent and so on, up to the first process of this PID namespace.

    Raises:
        UnreadableProcessError: The chain can't be read to its end, or changed while it was read.
    """
    return tuple(relative.process for relative in relatives(pid, proc))


def relatives(pid: int, proc: Path = PROC, *, whole: bool = True) -> tuple[Relative, ...]:
    """`lineage` with parents and sessions. If not `whole`, as far as it can be read, of the process itself at least.

    Raises:
        UnreadableProcessError: The chain can't be read to its end, or changed while it was read.
    """
    chain: list[Relative] = []
    while pid:
        if len(chain) >= MAX_DEPTH:
            raise UnreadableProcessError(f"it has more than {MAX_DEPTH} ancestors")
        try:
            relative = _read(pid, proc)
        except UnreadableProcessError:
            if chain and not whole:
                break
            raise
        # A parent is never younger than its child, nor is the reaper that adopts an orphan. If it seems so, the
        # number was given to somebody else between two reads.
        if chain and relative.process.start > chain[-1].process.start:
            raise UnreadableProcessError(f"process {pid} took the number of an ancestor")
        chain.append(relative)
        pid = relative.parent
    return tuple(chain)


def describe(relative: Relative, proc: Path = PROC) -> ProcessFacts:
    """What a process runs. Never raises: what can't be read, as of another user's process, is left empty."""
    process = relative.process
    return ProcessFacts(process, relative.session, _command(process.pid, proc), relative.terminal)


def readable_process(facts: ProcessFacts, name: str = "", mask: Callable[[str], str] | None = None) -> Process:
    """`facts` as they are kept and shown, without secrets.

    `name` is what the program is known as, where it is known. `mask` is applied to the command line after the masking
    that is always done.
    """
    return Process(
        facts.process.pid,
        facts.process.start,
        (name or facts.command.shown)[:64],
        masked_command(facts.command.words, mask),
    )


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


def _read(pid: int, proc: Path) -> Relative:
    try:
        with open(f"{proc}/{pid}/stat", "rb") as file:  # noqa: PTH123 - a path object would cost more than the reading
            text = file.read(MAX_COMMAND_BYTES)
    except OSError as error:
        if not _has_proc(proc):
            return _ask_psutil(pid)
        raise UnreadableProcessError(f"process {pid} can't be read: {error.strerror}") from error
    # proc_pid_stat(5): pid (comm) state ppid pgrp session … starttime is field 22. The command's name is chosen by the
    # process and may hold spaces and parentheses, so fields are counted from the last one.
    fields = text[text.rfind(b")") + 1 :].split()
    try:
        return Relative(ProcessId(pid, int(fields[19])), int(fields[1]), int(fields[3]), int(fields[4]))
    except (IndexError, ValueError) as error:
        raise UnreadableProcessError(f"process {pid} can't be read: its stat line is malformed") from error


def _ask_psutil(pid: int) -> Relative:
    import psutil  # noqa: PLC0415 - only systems without /proc need it, and clients start without it

    try:
        process = psutil.Process(pid)
        with process.oneshot():
            found = ProcessId(pid, round(process.create_time() * 1_000_000))
            parent = process.ppid()
    except psutil.Error as error:
        raise UnreadableProcessError(f"process {pid} can't be read: {error}") from error
    session = 0
    with contextlib.suppress(OSError):
        session = os.getsid(pid)
    return Relative(found, parent, session)


def _command(pid: int, proc: Path) -> Command:
    if not _has_proc(proc):
        return _command_of_psutil(pid)
    place = f"{proc}/{pid}"
    executable = name = ""
    words: tuple[str, ...] = ()
    with contextlib.suppress(OSError):
        executable = os.readlink(f"{place}/exe").removesuffix(" (deleted)")  # noqa: PTH115 - as above
    with contextlib.suppress(OSError):
        words = _words(_start_of(f"{place}/cmdline"))
    with contextlib.suppress(OSError):
        name = _start_of(f"{place}/comm").decode("utf-8", "replace").rstrip("\n")
    return read_command(executable, words, name)


def _start_of(path: str) -> bytes:
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        return file.read(MAX_COMMAND_BYTES)


def _words(line: bytes) -> tuple[str, ...]:
    """proc_pid_cmdline(5): words end with NUL, unless the process wrote something else there."""
    return tuple(line.rstrip(b"\0").decode("utf-8", "replace").split("\0")) if line else ()


def _command_of_psutil(pid: int) -> Command:
    import psutil  # noqa: PLC0415 - as above

    executable = name = ""
    words: tuple[str, ...] = ()
    with contextlib.suppress(psutil.Error, OSError):
        process = psutil.Process(pid)
        name = process.name()
        executable = process.exe()
        words = tuple(process.cmdline())
    return read_command(executable, words, name)
