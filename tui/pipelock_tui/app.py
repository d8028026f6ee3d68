"""The way in. Importing this module is cheap; the screen is loaded when it is needed."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["run", "wants_plain"]


def wants_plain(environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Whether a screen can't be drawn: no terminal at both ends, or one that can't move its cursor."""
    return not terminal or environ.get("TERM", "dumb") in {"", "dumb"}


def run(path: Path, home: Path, plain: bool = False) -> int:  # noqa: FBT001, FBT002 - the command line's one switch
    """Show the daemon whose control socket is at `path` until the operator quits; returns the exit status.

    `home` is Pipelock's own folder, where the operator's `dashboard.yaml` may be.

    With `plain`, or where a screen can't be drawn, decisions are printed as lines and answers read from them.
    """
    from pipelock.control.aio import Link  # noqa: PLC0415 - asyncio is not for those who only ask for help

    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if plain or wants_plain(os.environ, terminal=terminal):
        from pipelock_tui.plain import converse  # noqa: PLC0415

        return asyncio.run(converse(Link(path)))
    from pipelock_tui.dashboard import Dashboard  # noqa: PLC0415 - Textual takes 180 ms
    from pipelock_tui.settings import FILE, read  # noqa: PLC0415 - it goes with the screen

    dashboard = Dashboard(Link(path), settings=read(home / FILE), home=home)
    dashboard.run()
    return dashboard.return_code or 0
