"""The processes of an agent, by what ps(1) tells: macOS has no namespaces and no control groups.

Those are meant that descend from the first one, are in its group, or have its terminal. What left all three (a daemon
of the agent's own) is not found; it stays in the sandbox, and without a proxy it has no network.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable

__all__ = ["Processes", "Row", "belonging", "rows"]

_SECONDS = 5.0
_ROUNDS = 20
"""How often new ones are looked for: a stopped process starts none, so that they come to an end."""
_MOST = 20_000
"""Processes of the machine that are looked at."""

Row = tuple[int, int, int, str]
"""Process, parent, group, terminal."""


def rows(text: str) -> list[Row]:
    """What `ps -axo pid=,ppid=,pgid=,tty=` prints; lines that say something else are left out."""
    found: list[Row] = []
    for line in text.splitlines()[:_MOST]:
        words = line.split()
        if len(words) == 4 and all(word.isascii() and word.isdigit() and len(word) < 10 for word in words[:3]):
            found.append((int(words[0]), int(words[1]), int(words[2]), words[3]))
    return found


def belonging(listed: Iterable[Row], first: int, terminal: str) -> set[int]:
    """Of the processes that are listed, those of the agent whose first one this is.

    `terminal` is that of the agent alone (`ttys004`); empty for none.
    """
    listed = list(listed)
    mine = {pid for pid, _, group, tty in listed if first in (pid, group) or (terminal and tty == terminal)}
    children: dict[int, list[int]] = {}
    for pid, parent, _, _ in listed:
        children.setdefault(parent, []).append(pid)
    waiting = list(mine)
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            if pid not in mine:
                mine.add(pid)
                waiting.append(pid)
    return mine - {0, 1}


class Processes:
    """Those of the agent whose first process is `first`."""

    def __init__(self, first: int, terminal: str, program: str = "/bin/ps") -> None:
        self._first = first
        self._terminal = terminal.removeprefix("/dev/")
        self._program = program

    def freeze(self) -> None:
        """Stop them."""
        self._each(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._send(self._all(), signal.SIGCONT)

    def kill(self) -> None:
        """End them."""
        self._each(signal.SIGKILL)

    def _each(self, number: signal.Signals) -> None:
        """Send it until nobody new is found."""
        done: set[int] = set()
        for _ in range(_ROUNDS):
            found = self._all() - done
            if not found:
                return
            self._send(found, number)
            done |= found

    def _all(self) -> set[int]:
        try:
            listed = subprocess.run(  # noqa: S603 - the system's own, by its path
                (self._program, "-axo", "pid=,ppid=,pgid=,tty="),
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
            ).stdout
        except (OSError, subprocess.SubprocessError):
            listed = ""
        # Without ps, at least the first one.
        known = rows(listed) or [(self._first, 0, self._first, "")]
        return belonging(known, self._first, self._terminal) - {os.getpid()}

    @staticmethod
    def _send(pids: set[int], number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
