"""`python -m pipelock.cli._check_daemon HOME CONFIG TERMS`: the daemon of a check-up (`pipelock.cli._rehearsal`).

It listens where the kernel likes, and ends when its standard input does: so it never outlives who started it. CONFIG is
a file, empty for the defaults.
"""

from __future__ import annotations

import sys
from functools import partial

import msgspec

from pipelock.cli._private_daemon import serve
from pipelock.cli._rehearsal import Terms, staged

__all__ = ["main"]


def main(home: str, config: str, terms: str) -> int:
    """Run until standard input ends."""
    return serve(home, config, partial(staged, msgspec.json.decode(terms, type=Terms)))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
