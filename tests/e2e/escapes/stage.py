"""Where an attacker is let loose: a terminal, a process beside it in the same group, files left open.

As a program: `python stage.py FACTS TERMINAL COMMAND…` becomes COMMAND, in a session of its own on the terminal that is
open as TERMINAL, with FACTS open for reading as its standard input, and with descriptors of the secret in the user's
home that nobody has closed. What the victim says of itself is added to FACTS before.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import termios
import time
from pathlib import Path


def main(facts: Path, terminal: int, command: list[str]) -> None:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    os.close(terminal)
    values = json.loads(facts.read_text())
    notes = Path(values["home"], "victim")
    subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).with_name("victim.py")), values["victim_name"], str(notes)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not notes.exists():
        time.sleep(0.01)
    facts.write_text(json.dumps({**values, **json.loads(notes.read_text())}))
    for path in (values["home_secret"], values["home"]):
        os.set_inheritable(os.open(path, os.O_RDONLY), True)
    os.dup2(os.open(facts, os.O_RDONLY), 0)
    os.environ["PIPELOCK_TEST_SECRET"] = values["secret"]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
