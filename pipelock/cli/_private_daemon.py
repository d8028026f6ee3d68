"""`python -m pipelock.cli._private_daemon CONFIG HOME`: the daemon that `pipelock trust doctor` starts for itself.

It listens where the kernel likes, and ends when its standard input does: so it never outlives who started it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from pipelock.daemon.main import RunOptions, run_daemon

__all__ = ["main"]


def main(config: str, home: str) -> int:
    """Run until standard input ends."""
    threading.Thread(target=_await_end, daemon=True).start()
    return run_daemon(RunOptions(config=Path(config), listen="127.0.0.1:0", home=Path(home)))


def _await_end() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
