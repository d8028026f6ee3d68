"""`pipelock sessions`."""

from __future__ import annotations

import time

from pipelock.cli.lines import duration
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json, print_table
from pipelock.cli.table import Arguments

__all__ = ["execute"]

_HEADS = ("SESSION", "AGENT", "CLIENT", "REQUESTS", "BLOCKED", "AGE", "LAST SEEN")


def execute(arguments: Arguments) -> int:
    """Print the daemon's sessions, most recently seen first."""
    with open_client(arguments) as client:
        sessions = client.sessions()
    now = time.time()
    if arguments.json:
        print_json(sessions)
    elif not sessions:
        print("Nobody has sent anything yet.")
    else:
        rows = [
            (
                session.key,
                session.agent,
                session.client,
                str(session.requests),
                str(session.blocked),
                duration(now - session.started_at),
                f"{duration(now - session.last_seen_at)} ago",
            )
            for session in sessions
        ]
        print_table(_HEADS, rows)
    return 0
