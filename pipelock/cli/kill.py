"""`pipelock kill on|off|status`."""

from __future__ import annotations

import os

from pipelock.cli.errors import EXIT_FAILED, CommandError
from pipelock.cli.lines import kill_text
from pipelock.cli.link import open_client, wants_api
from pipelock.cli.output import complain, mark, print_json
from pipelock.cli.table import Arguments
from pipelock.control.client import NotRunning
from pipelock.control.paths import home_dir
from pipelock.model import KillSwitchState

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Move or show the kill switch. `off` fails with code 1 while another source still holds it."""
    wanted = None if arguments.state == "status" else arguments.state == "on"
    try:
        state = (_by_api if wants_api(arguments) else _by_socket)(arguments, wanted)
    except NotRunning as error:
        sentinel = home_dir(os.environ, arguments.home) / "KILL"
        raise CommandError(
            f"no pipelock daemon answers at {error.path}, so nothing passes and there is no switch to move; to have "
            f"the next one start with all traffic stopped, create the sentinel file {sentinel} (or the one that "
            "kill_switch.sentinel_file names)"
        ) from error
    if arguments.json:
        print_json(state)
    else:
        print(mark(f"kill switch {kill_text(state)}", "red" if state.active else "green"))
    if arguments.state == "off" and state.active:
        complain(_how_to_release(state))
        return EXIT_FAILED
    return 0


def _by_socket(arguments: Arguments, wanted: bool | None) -> KillSwitchState:  # noqa: FBT001 - as HttpDesk.kill
    with open_client(arguments) as client:
        return client.status().kill_switch if wanted is None else client.kill(wanted)


def _by_api(arguments: Arguments, wanted: bool | None) -> KillSwitchState:  # noqa: FBT001 - as HttpDesk.kill
    # Imported here: the way by the socket has to be a quick one.
    from pipelock.cli._admin_http import find_api  # noqa: PLC0415

    return find_api(arguments, os.environ).kill(wanted)


_RELEASES = {
    "config": "set kill_switch.enabled to false and reload",
    "signal": "send the daemon SIGUSR1",
    "sentinel": "remove the sentinel file (kill_switch.sentinel_file, else KILL in pipelock's home)",
}


def _how_to_release(state: KillSwitchState) -> str:
    held = sorted(name for name, holds in state.sources.items() if holds)
    ways = "; ".join(f"{name}: {_RELEASES.get(name, 'release it where it was set')}" for name in held)
    return f"traffic stays stopped, because other sources hold the switch ({ways})"
