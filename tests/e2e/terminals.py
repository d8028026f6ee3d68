"""Programs on a real terminal (tmux), and clients that wait while somebody sits at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from itertools import count

import pytest

from tests.e2e.conftest import PATIENCE, PIPELOCK, DaemonProcess, curl, wait_for

__all__ = ["ARMING", "Background", "Terminal", "open_dashboard"]

ARMING = 0.35
"""Seconds after which a prompt or a question that is on the screen takes keys; before, nobody can have read it."""
_NUMBERS = count()


class Background:
    """A curl that runs while the test goes on."""

    def __init__(self, daemon: DaemonProcess, url: str, *words: str) -> None:
        self.result: subprocess.CompletedProcess[str] | None = None
        self._thread = threading.Thread(target=self._run, args=(daemon, url, *words), daemon=True)
        self._thread.start()

    def _run(self, daemon: DaemonProcess, url: str, *words: str) -> None:
        self.result = curl(daemon, url, *words)

    def wait(self, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """What the client got."""
        self._thread.join(seconds)
        assert self.result is not None, "the client still waits"
        return self.result

    @property
    def waits(self) -> bool:
        """Whether it has no answer yet."""
        return self._thread.is_alive()


class Terminal:
    """tmux with one program in it."""

    def __init__(self, command: list[str], environ: dict[str, str], size: tuple[int, int] = (120, 40)) -> None:
        if shutil.which("tmux") is None:
            pytest.fail("tmux is missing: scripts/tools.sh installs it")
        self._socket = f"pipelock-test-{os.getpid()}-{next(_NUMBERS)}"
        # LINES and COLUMNS, which some test runners set, would make programs forget the size of this terminal.
        dropped = {"NO_COLOR", "TMUX", "LINES", "COLUMNS"}
        kept = {name: value for name, value in environ.items() if name not in dropped}
        self._tmux(
            "start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";",  # the last words of one that ends
            "new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "--", *command,
            env={**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8"},
        )  # fmt: skip

    def _tmux(self, *words: str, env: dict[str, str] | None = None) -> str:
        command = ["tmux", "-L", self._socket, "-f", "/dev/null", *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout

    def screen(self) -> str:
        """What is on it."""
        return self._tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def decide(self, *keys: str) -> None:
        """Press each key once what it is for can have been read."""
        for key in keys:
            time.sleep(ARMING)
            self.press(key)

    def type(self, text: str) -> None:
        """Type a text."""
        self._tmux("send-keys", "-l", text)

    def resize(self, columns: int, rows: int) -> None:
        """Give it another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, *texts: str, seconds: float = PATIENCE) -> str:
        """Wait until all of `texts` are on the screen, in whatever case; the screen."""
        try:
            return wait_for(lambda: self._showing(texts), seconds, f"{texts} on the screen")
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.screen()}") from None

    def _showing(self, texts: tuple[str, ...]) -> str:
        screen = self.screen()
        return screen if all(text.lower() in screen.lower() for text in texts) else ""

    @property
    def pid(self) -> int:
        """The program's process."""
        return int(self._tmux("list-panes", "-F", "#{pane_pid}").split()[0])

    def close(self) -> None:
        """End it, and this tmux server with it."""
        self._tmux("kill-server")


def open_dashboard(daemon: DaemonProcess, **environ: str) -> Terminal:
    """`pipelock tui` on a terminal of its own, connected to `daemon`."""
    with daemon.client() as control:
        before = control.status().dashboards
        terminal = Terminal([PIPELOCK, "tui"], {**daemon.environ, **environ})
        try:
            wait_for(lambda: control.status().dashboards > before, what="the dashboard's connection")
        except AssertionError:
            screen = terminal.screen()
            terminal.close()
            raise AssertionError(f"the dashboard did not connect:\n{screen}") from None
    return terminal
