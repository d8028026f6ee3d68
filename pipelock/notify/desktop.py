"""Notes of the desktop: `notify-send` on Linux, `osascript` on macOS. Run with an argument list, never by a shell.

What is shown is escaped: no markup, no control characters. At most one note in five seconds; those that come in
between are counted in the next one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from pipelock.door.edges import Call, Clock
from pipelock.model import escape

__all__ = ["PAUSE_SECONDS", "Desktop", "Start", "command_for", "find_program"]

PAUSE_SECONDS = 5.0
RUN_SECONDS = 5.0
"""For the program to end; then it is killed."""
_TITLE = "Pipelock"
_TEXT = 200
# The text is an argument of the script, not a part of it.
_SCRIPT = (
    "on run argv",
    "display notification (item 1 of argv) with title (item 2 of argv)",
    "end run",
)
_PROGRAMS = ("notify-send", "osascript")

Start = Callable[[ProcessProtocol, Sequence[str]], Callable[[], None]]
"""Starts a program and gives what kills it. Raises `OSError`."""


def find_program(environ: Mapping[str, str], platform: str) -> str:
    """The absolute path of the program that shows notes here; empty where there is none."""
    name = _PROGRAMS[1] if platform == "darwin" else _PROGRAMS[0]
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder) / name
        if path.is_absolute() and os.access(path, os.X_OK) and path.is_file():
            return str(path)
    return ""


def command_for(program: str, text: str) -> tuple[str, ...]:
    """The command line that shows `text`, whatever is in it."""
    safe = escape(text, _TEXT)
    if program.rpartition("/")[2] == _PROGRAMS[1]:
        lines = [word for line in _SCRIPT for word in ("-e", line)]
        return (program, *lines, "--", safe, _TITLE)
    # Notification servers read the body as markup.
    body = safe.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (program, "--app-name=pipelock", "--expire-time=15000", "--", _TITLE, body)


class Desktop:
    """Shows notes with `program`, while it is enabled. `complain` is told why it can't."""

    def __init__(self, program: str, start: Start, clock: Clock, complain: Callable[[str], None]) -> None:
        self._enabled = False
        self._program = program
        self._start = start
        self._clock = clock
        self._complain = complain
        self._next = 0.0
        self._skipped = 0

    def enable(self, on: bool) -> None:  # noqa: FBT001 - on or off is all there is
        """Show notes from now on, or none any more; without a program that can, somebody is told instead."""
        self._enabled = on and bool(self._program)
        if on and not self._program:
            self._complain(f"notifications.desktop: no {' or '.join(_PROGRAMS)} is in the PATH, so nothing is shown")

    def show(self, text: str) -> None:
        """Show one line, or count it where the last one was just now. Never raises: a note is a courtesy."""
        if not self._enabled:
            return
        now = self._clock.seconds()
        if now < self._next:
            self._skipped += 1
            return
        self._next = now + PAUSE_SECONDS
        more = f" (and {self._skipped} more)" if self._skipped else ""
        self._skipped = 0
        note = _Note()
        try:
            note.kill = self._start(note, command_for(self._program, f"{text}{more}"))
        except OSError as error:
            self._enabled = False
            self._complain(
                f"notifications.desktop: {self._program} can't be run, so nothing is shown: {error.strerror}"
            )
            return
        note.late = self._clock.callLater(RUN_SECONDS, note.expired)


class _Note(ProcessProtocol):
    """One run of the program."""

    def __init__(self) -> None:
        self.kill: Callable[[], None] | None = None
        self.late: Call | None = None

    def expired(self) -> None:
        """It hangs."""
        if self.kill is not None:
            self.kill()

    def processEnded(self, reason: Failure) -> None:
        """It is over."""
        self.kill = None
        if self.late is not None and self.late.active():
            self.late.cancel()
