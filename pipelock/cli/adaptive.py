"""`pipelock adaptive …`: all sessions in numbers, all of them reset, and who we are to the daemon."""

from __future__ import annotations

import os

import msgspec

from pipelock.cli._admin import open_desk
from pipelock.cli._session_text import adaptive_text, whoami_text
from pipelock.cli.errors import EXIT_OK
from pipelock.cli.lines import count
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Carry out one of the verbs."""
    value: msgspec.Struct
    with open_desk(arguments) as desk:
        if arguments.what == "status":
            status = desk.status()
            value, lines = status, list(adaptive_text(status))
        elif arguments.what == "flush":
            flushed = desk.flush()
            value, lines = flushed, [f"{count(flushed.flushed, 'session')} reset."]
        else:
            who = desk.whoami(arguments.name or os.environ.get("PIPELOCK_AGENT", ""))
            value, lines = who, list(whoami_text(who))
    if arguments.json:
        print_json(value)
    else:
        print("\n".join(lines))
    return EXIT_OK
