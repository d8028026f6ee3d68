"""What the launchers of all systems share: how a launch fails, how an agent is ended, which refusals are remembered."""

from __future__ import annotations

import os
import time
from typing import Final

import msgspec

from pipelock.model import Denial, WallName

__all__ = ["GRACE", "MAX_COMMAND", "MAX_DENIALS", "MAX_LATER", "SECOND_THOUGHT", "Denials", "LaunchError", "exit_code"]

GRACE: Final = 5.0
"""Seconds between asking the agent to end and ending it."""
SECOND_THOUGHT: Final = 0.5
"""Seconds after which a second SIGTERM means what it says. timeout(1) and systemd may send one twice at once."""
MAX_COMMAND: Final = 4096
"""Characters of the command line that the daemon is told."""
MAX_LATER: Final = 50
"""Lines that wait until the agent no longer draws on the screen; the last ones are kept. An agent may run for weeks."""
MAX_DENIALS: Final = 200
"""Different denials that are remembered for the list at the end; the rest is counted."""
_REPORT_SECONDS: Final = 1.0
"""For which denials are gathered before the daemon is told of them."""


class LaunchError(Exception):
    """The agent was not started. The text says what was tried and what came of it, unescaped.

    Attributes:
        wall: Which wall was missing.
        fix: What would raise it; empty where nothing is known.
    """

    def __init__(self, wall: WallName, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.wall = wall
        self.fix = fix


def exit_code(status: int) -> int:
    """What a shell would report for a status of waitpid(2): the exit code, or 128 and the signal's number."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


class Denials:
    """What was refused to one agent: each kind once, with how often, at most `MAX_DENIALS`.

    Attributes:
        left_out: How many found no room.
    """

    def __init__(self) -> None:
        self.left_out = 0
        self._known: dict[tuple[str, str], Denial] = {}
        self._unreported: dict[tuple[str, str], Denial] = {}
        self._due = 0.0

    def note(self, denial: Denial) -> None:
        """Remember one."""
        key = (denial.wall.value, denial.what)
        for known in (self._known, self._unreported):
            if key in known:
                known[key] = msgspec.structs.replace(known[key], count=known[key].count + denial.count)
            elif len(known) < MAX_DENIALS:
                known[key] = denial
            elif known is self._known:
                self.left_out += denial.count
        self._due = self._due or time.monotonic() + _REPORT_SECONDS

    def every(self) -> tuple[Denial, ...]:
        """In the order in which they were first tried."""
        return tuple(self._known.values())

    def wait(self) -> float | None:
        """Seconds until the daemon is to be told, 0 or less where it is time; `None`: there is nothing to tell."""
        return self._due - time.monotonic() if self._unreported else None

    def take(self) -> tuple[Denial, ...]:
        """What the daemon has not been told."""
        found = tuple(self._unreported.values())
        self._unreported.clear()
        self._due = 0.0
        return found
