"""What the doctor starts from: where things are, and what the daemon knows of itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelock.control.paths import SocketPathError, home_dir, socket_path
from pipelock.daemon.checks import Facts
from pipelock.tls.authority import KEY_FILE

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon, DaemonPlace

__all__ = ["health_facts"]


def health_facts(daemon: Daemon, place: DaemonPlace) -> Facts:
    """The facts of a daemon as it is now."""
    section = daemon.loaded.config.tls_interception
    interception = daemon.context.interception
    # A home that is the usual one was perhaps not named, and then the socket may lie in the runtime directory.
    named = None if home_dir(place.environ) == place.home else place.home
    try:
        socket: Path | None = socket_path(place.environ, named)
    except SocketPathError:
        socket = None
    return Facts(
        home=place.home,
        running=daemon.loaded,
        read=place.read,
        audit=daemon.recorder.log.path,
        socket=socket,
        certificate=interception.certificate if interception is not None else "",
        key=section.ca_key or str(place.home / KEY_FILE),
        sources=tuple(name for name, held in daemon.kill.state.sources.items() if held),
        matcher=daemon.engine.policy.secrets.engine,
        dashboards=daemon.door.dashboards,
    )
