from __future__ import annotations

import plistlib
from pathlib import Path

import pytest

from pipelock.service.kinds import ServiceError, State
from pipelock.service.launchd import service, state_of

PROGRAM = "/Users/u/.local/bin/pipelock"


def test_the_service() -> None:
    found = service(PROGRAM, ["run", "--preset", "balanced"], Path("/Users/u"), 501)
    assert found.file == Path("/Users/u/Library/LaunchAgents/dev.pipelock.daemon.plist")
    assert plistlib.loads(found.text)["ProgramArguments"] == [PROGRAM, "run", "--preset", "balanced"]
    assert found.folders == (Path("/Users/u/Library/Logs/pipelock"),)
    # Loading starts it, so that without `--now` nothing is loaded.
    assert found.enable == ()
    assert [step.command[1] for step in found.start] == ["bootout", "bootstrap", "kickstart"]
    assert [step.may_fail for step in found.start] == [True, False, True]
    assert [step.command[1] for step in found.disable] == ["bootout"]


def test_what_no_plist_can_hold() -> None:
    with pytest.raises(ServiceError, match="control characters"):
        service(PROGRAM, ["run", "\x1b"], Path("/Users/u"), 501)


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("", State()),
        (
            (
                "gui/501/dev.pipelock.daemon = {\n\tactive count = 1\n\tstate = running\n\n\tpid = 812\n\truns = 3\n"
                "\tsubsystem = {\n\t\tstate = stopped\n\t\tpid = 1\n\t}\n}\n"
            ),
            State(known=True, active=True, enabled=True, pid=812, restarts=2, word="running"),
        ),
        ("x = {\n\tstate = waiting\n}\n", State(known=True, enabled=True, word="waiting")),
    ],
)
def test_states(said: str, state: State) -> None:
    assert state_of(said) == state
