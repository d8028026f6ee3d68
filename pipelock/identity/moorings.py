"""Whether a process is still tied to somebody: to a terminal, to a login, or to another machine's processes.

What an agent starts is recognised by its ancestors. A process can cut itself loose from them: fork, let the parent end,
be adopted by the first process. What a person starts does not look like that. Above it there is a shell that leads the
session (setsid(2)) of a terminal, or a process of another user, such as sshd or cron, which nobody can have put there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelock.identity.process import PROC, Relative

__all__ = ["is_adrift", "owner"]

_MAX_STATUS = 8192
_FIRST = 1


def is_adrift(chain: Sequence[Relative], uid: int | None, proc: Path = PROC) -> bool:
    """Whether nothing holds a process of user `uid` but the one that adopts orphans; `chain` begins with it.

    False where the system does not tell terminals.
    """
    if not chain or any(relative.terminal < 0 for relative in chain):
        return False
    if any(relative.terminal and relative.session == relative.process.pid for relative in chain):
        return False
    *below, first = chain
    if first.process.pid != _FIRST:
        return False  # it was started from outside of this PID namespace, where nobody in it can go
    return all(owner(relative.process.pid, proc) in (uid, None) for relative in below)


def owner(pid: int, proc: Path) -> int | None:
    """The user who runs a process; `None` where that can't be read.

    The owner of its files in /proc is another where it hides from debuggers, which every process can.
    """
    try:
        with (proc / str(pid) / "status").open("rb") as file:
            lines = file.read(_MAX_STATUS).splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(b"Uid:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None
