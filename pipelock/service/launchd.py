"""The user's launchd: the commands around the plist that `pipelock_macos.launchd` makes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelock.service.kinds import Kind, Service, ServiceError, State, Step
from pipelock_macos.launchd import LABEL, agent_path, agent_plist, bootout, bootstrap, kickstart, show

__all__ = ["service", "state_of"]


def service(program: str, arguments: Sequence[str], home: Path, uid: int) -> Service:
    """The service of user `uid`, whose home this is.

    Raises:
        ServiceError: the command line can't be written in a plist.
    """
    logs = home / "Library" / "Logs" / "pipelock"
    try:
        text = agent_plist((program, *arguments), str(home), str(logs))
    except ValueError as error:
        raise ServiceError(str(error)) from error
    log = str(logs / "daemon.log")
    return Service(
        kind=Kind.LAUNCHD,
        name=LABEL,
        file=Path(agent_path(str(home))),
        text=text,
        folders=(logs,),
        # The next login reads the file by itself. Loading it is starting it; one that is loaded has to go first.
        start=(Step(bootout(uid), may_fail=True), Step(bootstrap(uid, str(home))), Step(kickstart(uid), may_fail=True)),
        disable=(Step(bootout(uid), may_fail=True),),
        look=show(uid),
        logs=("/usr/bin/tail", "-n", "100", log),
        follow=("/usr/bin/tail", "-n", "100", "-F", log),
    )


def state_of(said: str) -> State:
    """What `launchctl print` printed of a service that is loaded.

    Its form is nobody's promise: what is not found is unknown.
    """
    found: dict[str, str] = {}
    for line in said.splitlines():
        name, sign, value = line.strip().partition(" = ")
        if sign:
            found.setdefault(name, value)  # what follows is of its parts
    number = {name: int(found[name]) for name in ("pid", "runs") if found.get(name, "").isdecimal()}
    return State(
        known=bool(said.strip()),
        active=found.get("state") == "running",
        enabled=bool(said.strip()),
        pid=number.get("pid", 0),
        restarts=max(number.get("runs", 1) - 1, 0),
        word=found.get("state", ""),
    )
