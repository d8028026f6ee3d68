"""`pipelock doctor`: what of the running daemon is wrong, or soon will be."""

from __future__ import annotations

from pipelock.cli.link import open_client
from pipelock.cli.output import mark, print_json
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.model import CheckState, escape

__all__ = ["execute"]

_MARKS = {CheckState.OK: ("✓", "green"), CheckState.WARN: ("!", "yellow"), CheckState.FAIL: ("✗", "red")}


def execute(arguments: Arguments) -> int:
    """Print every check; exit code 1 where one failed."""
    with open_client(arguments) as client:
        checks = client.ask(frames.RunDoctor, frames.DoctorReply, 20.0).checks
    if arguments.json:
        print_json(checks)
    else:
        for check in checks:
            sign, colour = _MARKS[check.state]
            state = mark(f"{sign} {check.state.value:<4}", colour)
            print(f"{state} {escape(check.name, 40)}: {escape(check.detail, 500)}")
            if check.fix:
                print(f"       → {escape(check.fix, 300)}")
    return 1 if any(check.state is CheckState.FAIL for check in checks) else 0
