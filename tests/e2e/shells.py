"""Client programs that are sessions of their own: each shell leads a process session, and what it starts is its."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from pipelock.model import Session
from tests.e2e.conftest import PATIENCE, DaemonProcess, wait_for

_END = "-- end of what was said --"

_RAW = """
import socket, sys
port, request, out = int(sys.argv[1]), sys.argv[2], sys.argv[3]
connection = socket.create_connection(("127.0.0.1", port), timeout=30)
with open(request, "rb") as file, open(out, "wb", buffering=0) as got:
    connection.sendall(file.read())
    try:
        while piece := connection.recv(65536):
            got.write(piece)
    except OSError:
        pass
open(out + ".closed", "w").close()
"""


class Raw:
    """Bytes that were sent through the daemon, and what comes back until the other side closes."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def __bytes__(self) -> bytes:
        return self._out.read_bytes() if self._out.exists() else b""

    @property
    def is_closed(self) -> bool:
        return self._out.with_name(self._out.name + ".closed").exists()

    def wait_for(self, part: bytes) -> None:
        wait_for(lambda: part in bytes(self), what=f"{part!r} of the answer")

    def wait_closed(self) -> None:
        wait_for(lambda: self.is_closed, what="the end of the connection")


class Shell:
    """A `sh` that leads the process session of a terminal, and the clients of `daemon` that it starts."""

    def __init__(self, daemon: DaemonProcess, folder: Path) -> None:
        self.daemon = daemon
        self._folder = folder
        folder.mkdir(parents=True)
        self._program = folder / "raw.py"
        self._program.write_text(_RAW)
        self._count = 0
        self._terminal, inside = os.openpty()
        # The leader of a session that has none gets the first terminal that it opens.
        self._shell = subprocess.Popen(
            ["sh", "-c", f"exec 9<>{os.ttyname(inside)}; exec sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            bufsize=1,
        )
        os.close(inside)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._shell.communicate("exit\n", timeout=PATIENCE)
        os.close(self._terminal)

    def session(self) -> Session:
        """Its session, as the daemon lists it."""
        with self.daemon.client() as client:
            mine = [one for one in client.sessions() if f"@{self._shell.pid}|" in one.key]
        assert len(mine) == 1, f"{len(mine)} sessions of process {self._shell.pid}"
        return mine[0]

    def run(self, command: str) -> str:
        """What a command writes."""
        stdin, stdout = self._shell.stdin, self._shell.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{command}\necho; echo '{_END}'\n")
        said: list[str] = []
        for line in stdout:
            if line.strip() == _END:
                break
            said.append(line)
        return "".join(said).rstrip("\n")

    def curl(self, url: str, *words: str) -> tuple[int, str]:
        """Status and body of the answer to curl."""
        command = ["curl", "-sS", "--noproxy", "", "-x", self.daemon.url, "-w", "\n%{http_code}", *words, url]
        body, _, status = self.run(shlex.join(command)).rpartition("\n")
        return int(status), body

    def status(self, url: str, *words: str) -> int:
        """The status alone."""
        return self.curl(url, *words)[0]

    def start(self, request: bytes) -> Raw:
        """Send `request` to the daemon and listen in the background until it closes."""
        self._count += 1
        sent, out = self._folder / f"sent-{self._count}", self._folder / f"got-{self._count}"
        sent.write_bytes(request)
        words = [sys.executable, str(self._program), str(self.daemon.port), str(sent), str(out)]
        self.run(f"{shlex.join(words)} </dev/null >/dev/null 2>&1 &")
        return Raw(out)
