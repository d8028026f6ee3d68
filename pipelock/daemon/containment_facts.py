"""What a launcher is told before it plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelock.contain.settings import containment_settings
from pipelock.control.backend import BackendError
from pipelock.control.paths import home_dir, runtime_dir
from pipelock.daemon.agent import trust_files
from pipelock.model import ContainmentFacts
from pipelock.tls.authority import KEY_FILE

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon, DaemonPlace

__all__ = ["containment_facts"]


def containment_facts(daemon: Daemon, place: DaemonPlace, profile: str, *, may_decide: bool) -> ContainmentFacts:
    """What holds for an agent that is launched under the name `profile`.

    Raises:
        BackendError: failed, where the files that make it trust our certificates can't be written.
    """
    config = daemon.loaded.config
    names = daemon.context.settings.agents.names
    try:
        trust = trust_files(config, place.home, place.environ)
    except OSError as error:
        raise BackendError("failed", f"the files that make an agent trust our certificates: {error}") from error
    return ContainmentFacts(
        settings=containment_settings(config, profile),
        profile=profile if profile in names else "",
        profiles=tuple(sorted(names)),
        trust=tuple(map(str, trust)) if trust is not None else (),
        hidden=_hidden(daemon, place),
        refused_ports=tuple(sorted(daemon.engine.own_ports)),
        may_relay=may_decide,
        killed=daemon.kill.active,
        forwards=daemon.context.settings.forward_enabled,
    )


def _hidden(daemon: Daemon, place: DaemonPlace) -> tuple[str, ...]:
    """Paths that no agent may see. The folders come first: what lies in them is hidden with them."""
    config = daemon.loaded.config
    named = None if home_dir(place.environ) == place.home else place.home
    paths = [
        place.home,
        runtime_dir(place.environ, named),
        daemon.loaded.path,
        daemon.recorder.log.path,
        Path(config.tls_interception.ca_key) if config.tls_interception.ca_key else place.home / KEY_FILE,
        Path(config.kill_switch.sentinel_file) if config.kill_switch.sentinel_file else None,
    ]
    return tuple(dict.fromkeys(str(path.absolute()) for path in paths if path is not None))
