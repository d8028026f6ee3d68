"""`python -m pipelock.cli._check_daemon HOME CONFIG TERMS`: the daemon of a check-up (`pipelock.cli._rehearsal`).

It listens where the kernel likes, and ends when its standard input does: so it never outlives who started it. CONFIG is
a file, empty for the defaults.
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from pathlib import Path

import msgspec

from pipelock.cli._private_daemon import await_end
from pipelock.cli._rehearsal import Terms, staged
from pipelock.daemon.main import RunOptions, run_daemon

__all__ = ["main"]


def main(home: str, config: str, terms: str) -> int:
    """Run until standard input ends."""
    threading.Thread(target=await_end, daemon=True).start()
    adjust = partial(staged, msgspec.json.decode(terms, type=Terms))
    return run_daemon(
        RunOptions(config=Path(config) if config else None, listen="127.0.0.1:0", home=Path(home), adjust=adjust)
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
