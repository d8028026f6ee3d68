"""`pipelock doctor`: what of the running daemon is wrong, or soon will be, and what could go around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelock.cli._check_results import Status
from pipelock.cli._wall_checks import walls
from pipelock.cli.link import open_client
from pipelock.cli.output import mark, print_json
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.model import Check, CheckState, Evidence, Session, escape

__all__ = ["boundary", "containment", "execute"]

_MARKS = {CheckState.OK: ("✓", "green"), CheckState.WARN: ("!", "yellow"), CheckState.FAIL: ("✗", "red")}
_SHOWN = 5
"""Agents that are named."""


def execute(arguments: Arguments) -> int:
    """Print every check; exit code 1 where one failed."""
    with open_client(arguments) as client:
        of_daemon = client.ask(frames.RunDoctor, frames.DoctorReply, 20.0).checks
        sessions = client.sessions()
    checks = (*of_daemon, *boundary(sessions), *containment())
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


def boundary(sessions: Sequence[Session]) -> Iterator[Check]:
    """Whether agents that are known could go around the proxy."""
    known = [one for one in sessions if one.evidence.rank <= Evidence.PROCESS.rank and not one.ended]
    loose = sorted({one.agent for one in known if one.walls is None})
    if loose:
        names = ", ".join(loose[:_SHOWN]) + (" …" if len(loose) > _SHOWN else "")
        text = f"what they send around the proxy is not seen: {names}"
        yield Check("direct egress", CheckState.WARN, text, "start them behind walls: `pipelock sandbox -- COMMAND`")
    else:
        yield Check("direct egress", CheckState.OK, "no agent that runs now is known to have a way around the proxy")


def containment() -> Iterator[Check]:
    """Whether this machine lets us raise the walls that agents can be started behind."""
    results = walls()
    missing = [result for result in results if result.status is Status.FAIL]
    for result in missing:
        name = result.name.removeprefix("sandbox_")
        yield Check("containment", CheckState.WARN, f"{name}: {result.detail}", "`pipelock diagnose --sandbox`")
    if not missing and any(result.status is Status.PASS for result in results):
        yield Check("containment", CheckState.OK, "all walls can be raised for `pipelock sandbox`")
