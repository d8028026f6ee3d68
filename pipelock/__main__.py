"""`python -m pipelock`."""

from __future__ import annotations

from pipelock.cli.main import run

if __name__ == "__main__":
    run()
