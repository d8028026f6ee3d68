"""Sessions for the command line, by the control socket or by the admin API: the same questions, the same answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from pipelock.admin import views
from pipelock.admin.wire import (
    AdaptiveStatus,
    AirlockDone,
    Explanation,
    Flushed,
    Inspection,
    ResetDone,
    Snapshot,
    TaskDone,
    TerminateDone,
    TrustDone,
    TrustWish,
    Whoami,
)
from pipelock.cli.link import open_client, wants_api
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.control.client import Client
from pipelock.model import Session, SessionActed, SessionDetail, SessionVerb, Tier

__all__ = ["LOCKDOWN_SECONDS", "SessionDesk", "SocketDesk", "open_desk"]

LOCKDOWN_SECONDS = 1800
"""How long a silent session is remembered, unless configured otherwise; the control socket does not tell."""
LOCAL = "127.0.0.1"


class SessionDesk(Protocol):
    """Where sessions are asked about and handled. Every call raises `CommandError` or `ControlError`."""

    def sessions(self, tier: str) -> tuple[Snapshot, ...]:
        """All sessions, or those in a tier."""

    def inspect(self, key: str) -> Inspection:
        """One in full."""

    def explain(self, key: str) -> Explanation:
        """Why it stands where it stands."""

    def airlock(self, key: str, tier: Tier, reason: str) -> AirlockDone:
        """Set the tier."""

    def reset(self, key: str, reason: str) -> ResetDone:
        """Forget what counted."""

    def terminate(self, key: str, reason: str) -> TerminateDone:
        """Reset, and end its connections."""

    def task(self, key: str, label: str, reason: str) -> TaskDone:
        """A new task begins."""

    def trust(self, key: str, wish: TrustWish) -> TrustDone:
        """Trust something for the present task."""

    def status(self) -> AdaptiveStatus:
        """All in numbers."""

    def flush(self) -> Flushed:
        """Reset all."""

    def whoami(self, agent: str) -> Whoami:
        """What is known of who asks."""


@contextmanager
def open_desk(arguments: Arguments) -> Iterator[SessionDesk]:
    """The desk that the command line and the environment name: the admin API's, else the control socket's.

    Raises:
        CommandError: they name something that can't be used.
        ControlError: no daemon answers.
    """
    if wants_api(arguments):
        # Imported where it is needed: most questions go to the socket.
        from pipelock.cli._admin_http import find_api  # noqa: PLC0415

        yield find_api(arguments, os.environ)
        return
    with open_client(arguments) as client:
        yield SocketDesk(client, time.time)


class SocketDesk:
    """Asks over the control socket."""

    def __init__(self, client: Client, wall: Callable[[], float]) -> None:
        self._client = client
        self._wall = wall

    def sessions(self, tier: str) -> tuple[Snapshot, ...]:
        """The daemon's list."""
        return tuple(map(views.snapshot, views.in_tier(self._client.sessions(), tier)))

    def inspect(self, key: str) -> Inspection:
        """One of them."""
        return views.inspection(self._detail(key))

    def explain(self, key: str) -> Explanation:
        """Why."""
        return views.explanation(self._detail(key), self._wall())

    def _detail(self, key: str) -> SessionDetail:
        return self._client.ask(lambda number: frames.InspectSession(number, key), frames.SessionReply).detail

    def _act(self, key: str, verb: SessionVerb, **more: object) -> SessionActed:
        def make(number: int) -> frames.ActOnSession:
            return frames.ActOnSession(id=number, key=key, verb=verb, **more)  # type: ignore[arg-type]

        return self._client.ask(make, frames.ActedReply).acted

    def airlock(self, key: str, tier: Tier, reason: str) -> AirlockDone:
        """Set the tier."""
        return views.airlock_done(self._act(key, SessionVerb.AIRLOCK, tier=tier, reason=reason))

    def reset(self, key: str, reason: str) -> ResetDone:
        """Forget."""
        return views.reset_done(self._act(key, SessionVerb.RESET, reason=reason))

    def terminate(self, key: str, reason: str) -> TerminateDone:
        """End."""
        return views.terminate_done(self._act(key, SessionVerb.TERMINATE, reason=reason))

    def task(self, key: str, label: str, reason: str) -> TaskDone:
        """Begin."""
        return views.task_done(self._act(key, SessionVerb.TASK, label=label, reason=reason))

    def trust(self, key: str, wish: TrustWish) -> TrustDone:
        """Trust."""
        until = wish.expires_at.timestamp()
        acted = self._act(
            key,
            SessionVerb.TRUST,
            source_match=wish.source_match,
            action_match=wish.action_match,
            expires_at=until,
            reason=wish.reason,
        )
        return TrustDone(
            key=acted.key,
            scope=wish.scope,
            source_match=wish.source_match,
            action_match=wish.action_match,
            expires_at=views.stamp(until),
            granted_by=wish.granted_by,
            reason=wish.reason,
            task_id=acted.current_task_id,
        )

    def status(self) -> AdaptiveStatus:
        """Counted here: the socket has a list."""
        # Forgotten between the two questions, a session is left out.
        details = [detail for session in self._client.sessions() if (detail := self._maybe(session)) is not None]
        return views.adaptive_status(details, LOCKDOWN_SECONDS, listed=True)

    def _maybe(self, session: Session) -> SessionDetail | None:
        from pipelock.control.client import ControlError  # noqa: PLC0415 - one use

        try:
            return self._detail(session.key)
        except ControlError as error:
            if error.code == "not_found":
                return None
            raise

    def flush(self) -> Flushed:
        """One reset after the other."""
        sessions = self._client.sessions()
        kept = [session for session in sessions if not views.is_invocation(session.key)]
        acted = [self.reset(session.key, "flush") for session in kept]
        cleared = any(one.ip_state_cleared for one in acted)
        return Flushed(len(acted), len(acted), len(sessions) - len(kept), cleared)

    def whoami(self, agent: str) -> Whoami:
        """The session whose processes are ours or our parents', else the one that the name gives."""
        sessions = self._client.sessions()
        own = set() if agent else _parents()
        found = next((one for one in sessions if own & {process.pid for process in one.processes}), None)
        found = found or views.own_session(sessions, agent, LOCAL)
        client, name = (found.client, found.agent) if found is not None else (LOCAL, agent)
        return views.whoami(client, name, found, LOCKDOWN_SECONDS)


def _parents() -> set[int]:
    """Numbers of this process and those above it."""
    import psutil  # noqa: PLC0415 - only to find ourselves

    own = psutil.Process()
    return {own.pid, *(parent.pid for parent in own.parents())}
