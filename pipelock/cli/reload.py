"""`pipelock reload`."""

from __future__ import annotations

from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.model import escape_lines

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Have the daemon read its configuration again; a file that is not valid leaves the old policy in force."""
    with open_client(arguments) as client:
        done = client.reload()
    if arguments.json:
        print_json({"ok": True, "detail": done.detail})
    else:
        print(escape_lines(done.detail) or "The configuration was read again.")
    return 0
