"""`pipelock sandbox` as tests start it, and agents that do a line at a time."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.conftest import PIPELOCK, DaemonProcess

__all__ = ["Launches", "ask", "running"]


class Launches:
    """`pipelock sandbox` in a workspace of its own, with a home of its own."""

    def __init__(self, folder: Path, daemon: DaemonProcess) -> None:
        self.workspace = folder / "work"
        self.home = folder / "person"
        for path in (self.workspace, self.home):
            path.mkdir(parents=True)
        self.environ = {**daemon.environ, "HOME": str(self.home), "PWD": str(self.workspace)}

    def command(self, *words: str, flags: tuple[str, ...] = ()) -> list[str]:
        return [PIPELOCK, "sandbox", *flags, "--", *words]

    def run(
        self, *words: str, flags: tuple[str, ...] = (), given: str | None = None, outer: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*outer, *self.command(*words, flags=flags)],
            env=self.environ, cwd=self.workspace, input=given, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def start(self, *words: str, flags: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words, flags=flags), env=self.environ, cwd=self.workspace,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip


def ask(agent: subprocess.Popen[str], line: str) -> str:
    """What an agent that reads lines answers to one."""
    assert agent.stdin is not None
    assert agent.stdout is not None
    agent.stdin.write(f"{line}\n")
    agent.stdin.flush()
    return agent.stdout.readline().strip()


def running(*words: str) -> list[str]:
    """The processes with this command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[:-1] == [word.encode() for word in words]:
                found.append(path.parent.name)
        except OSError:
            continue
    return found
