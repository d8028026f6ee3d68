"""Reloads: the files are read at once, compiled in a thread, and obeyed when that is done.

One at a time; whoever asks while one is under way has the newest files read after it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from pipelock.config import ConfigError, Loaded
from pipelock.config.compare import reconcile, restart_only, weakenings
from pipelock.control.backend import BackendError, Then
from pipelock.daemon.notifying import NotifySettings, notify_settings
from pipelock.daemon.reload_answers import ReloadAnswers
from pipelock.daemon.settings import interception_of, own_authorities, upstream_tls_of
from pipelock.door.bus import EventBus
from pipelock.engine import Policy
from pipelock.engine.compile import compile_policy
from pipelock.engine.warm import warm
from pipelock.model import ConfigReloaded
from pipelock.proxy.interception import Interception
from pipelock.tls.upstream import UpstreamTls

if TYPE_CHECKING:
    from pipelock.daemon.app import DaemonPlace

__all__ = ["Compiled", "Reloading", "ReloadingParts", "say", "tls_to_servers"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What takes long to make of a configuration, or may fail."""

    policy: Policy
    interception: Interception | None
    upstream_tls: UpstreamTls | None
    notify: NotifySettings


@dataclass(frozen=True, slots=True)
class ReloadingParts:
    """What reloads need of the daemon.

    Attributes:
        loaded: What is in force.
        compile: Runs slow work in a thread and then the other call on the reactor's.
        obey: Puts a configuration in force.
        obeyed: It is in force, and was told.
    """

    place: DaemonPlace
    bus: EventBus
    loaded: Callable[[], Loaded]
    compile: Callable[[Callable[[], Compiled], Callable[[Compiled | Failure], None]], None]
    obey: Callable[[Compiled, Loaded], None]
    obeyed: Callable[[], None]


class Reloading:
    """Reads, compiles, hands over and tells."""

    def __init__(self, parts: ReloadingParts) -> None:
        self._parts = parts
        self._is_under_way = False
        self._again = False
        self._answers = ReloadAnswers()

    def request(self) -> str:
        """Read the files, and have what they say obeyed as soon as it is compiled; nothing changes if it is wrong.

        Raises:
            BackendError: they are not valid.
        """
        parts = self._parts
        try:
            loaded = parts.place.read()
        except ConfigError as error:
            self._failed(str(error))
            raise BackendError("failed", str(error)) from error
        if self._is_under_way:
            self._again = True
            return "a reload is under way; the newest file is read after it"
        self._is_under_way = True
        old = parts.loaded()
        kept = restart_only(old.config, loaded.config)
        merged = reconcile(old, loaded)
        weaker = weakenings(old.config, merged.config)
        parts.compile(
            lambda: compiled(parts.place, merged),
            lambda made: self._done(made, merged, weaker, kept),
        )
        return f"the file is valid (policy {merged.policy_hash}); it takes effect as soon as it is compiled"

    def request_then(self, then: Then[str]) -> None:
        """`request` for whoever waits until what stands in the files now is in force."""
        self._answers.add(then, is_under_way=self._is_under_way)
        try:
            self.request()
        except BackendError as error:
            self._answers.refuse(then, error)

    def _done(self, made: Compiled | Failure, loaded: Loaded, weaker: tuple[str, ...], kept: tuple[str, ...]) -> None:
        self._is_under_way = False
        parts = self._parts
        outcome: str | BackendError
        if isinstance(made, Failure):
            outcome = BackendError("failed", made.getErrorMessage())
            self._failed(outcome.message)
        else:
            changed = loaded.policy_hash != parts.loaded().policy_hash
            parts.obey(made, loaded)
            outcome = "a new policy is in force" if changed else "the policy is the same"
            restart = [f"needs a restart: {text}" for text in kept]
            detail = "; ".join((outcome, *restart))
            parts.bus.publish(ConfigReloaded(ok=True, detail=detail, policy=loaded.policy_hash, weaker=weaker))
            said = (f"policy {loaded.policy_hash}", *(f"weaker: {text}" for text in weaker), *restart)
            say(f"config reloaded: {'; '.join(said)}")
            parts.obeyed()
        self._answers.done(outcome)
        if self._again:
            self._again = False
            try:
                self.request()
            except BackendError as error:
                self._answers.done(error)

    def _failed(self, detail: str) -> None:
        self._parts.bus.publish(ConfigReloaded(ok=False, detail=detail, policy=self._parts.loaded().policy_hash))
        say(f"config reload failed: {detail}")


def compiled(place: DaemonPlace, loaded: Loaded) -> Compiled:
    """What takes long; any thread may do it.

    Raises:
        AuthorityError, TrustError, MatcherError, SecretFileError: something it names can't be used.
    """
    interception = interception_of(loaded.config, place.home)
    policy = compile_policy(loaded, place.environ, place.home / "cache", known=place.known(loaded.config))
    warm(policy)
    return Compiled(
        policy,
        interception,
        tls_to_servers(loaded, place, interception),
        notify_settings(loaded.config, place.environ),
    )


def tls_to_servers(loaded: Loaded, place: DaemonPlace, interception: Interception | None) -> UpstreamTls | None:
    """How TLS to servers is done, for opened tunnels; `None` where none are.

    Raises:
        TrustError: an authority file can't be used.
    """
    own = set(own_authorities(loaded.config, place.home))
    if interception is not None:
        own.add(interception.authority.fingerprint)
    return upstream_tls_of(loaded.config, place.environ, own)


def say(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"pipelock: {text}\n")
    sys.stderr.flush()
