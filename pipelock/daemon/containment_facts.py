"""What a launcher is told before it plans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelock.config import Config
from pipelock.config.sandbox_settings import sandbox_settings
from pipelock.control.backend import BackendError
from pipelock.control.paths import home_dir, runtime_dir
from pipelock.daemon.agent import trust_files
from pipelock.model import ContainmentFacts
from pipelock.tls.authority import KEY_FILE

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon, DaemonPlace

__all__ = ["Planning"]

TRUST_SECONDS = 1.0
"""Reading them takes some milliseconds, during which the daemon does nothing else."""


class Planning:
    """Answers launchers. The files that make programs trust us are looked after at most every `TRUST_SECONDS`."""

    def __init__(self, daemon: Daemon, place: DaemonPlace) -> None:
        self._daemon = daemon
        self._place = place
        self._trusted: tuple[Config, float, tuple[str, ...]] | None = None

    def facts(self, profile: str, *, may_decide: bool) -> ContainmentFacts:
        """What holds for an agent that is launched under the name `profile`.

        Raises:
            BackendError: failed, where the files that make it trust our certificates can't be written.
        """
        daemon = self._daemon
        config = daemon.loaded.config
        names = daemon.context.settings.agents.names
        return ContainmentFacts(
            settings=sandbox_settings(config, profile),
            profile=profile if profile in names else "",
            profiles=tuple(sorted(names)),
            trust=self._trust(config),
            hidden=_hidden(daemon, self._place),
            refused_ports=tuple(sorted(daemon.engine.own_ports)),
            may_relay=may_decide,
            killed=daemon.kill.active,
            forwards=daemon.context.settings.forward_enabled,
        )

    def _trust(self, config: Config) -> tuple[str, ...]:
        now = self._daemon.context.clock.seconds()
        if self._trusted is not None and self._trusted[0] is config and now - self._trusted[1] < TRUST_SECONDS:
            return self._trusted[2]
        try:
            files = trust_files(config, self._place.home, self._place.environ)
        except OSError as error:
            raise BackendError("failed", f"the files that make an agent trust our certificates: {error}") from error
        told = tuple(map(str, files)) if files is not None else ()
        self._trusted = config, now, told
        return told


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
