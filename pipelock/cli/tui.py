"""`pipelock tui`: the dashboard."""

from __future__ import annotations

import os

from pipelock.cli.table import Arguments
from pipelock.control.paths import home_dir, socket_path
from pipelock_tui.app import run

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Show the dashboard until it is closed; it waits for a daemon that does not run yet."""
    home = home_dir(os.environ, arguments.home)
    return run(socket_path(os.environ, arguments.home), home, plain=arguments.plain)
