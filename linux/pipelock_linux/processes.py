"""What descends from a process, where no namespace says what that is."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

__all__ = ["children", "end_children"]

_MAX_ROUNDS = 200


def end_children(spared: Iterable[int] = ()) -> None:
    """End all that descends from this process, whose orphans come to it (it is a subreaper): round by round.

    At most 200 rounds: who forks faster than that is left to the network's end. `spared` children are left alone:
    those that whoever ran this program had before.
    """
    for _ in range(_MAX_ROUNDS):
        found = [child for child in children(os.getpid()) if child not in spared]
        if not found:
            return
        for child in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        for child in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def children(pid: int) -> list[int]:
    """The processes that `pid` started (proc_pid_task_children(5)); none where that can't be read."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (task / "children").read_text(encoding="ascii").split()]
    return found
