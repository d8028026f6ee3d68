"""Sessions as the operator sees and handles them, and all that is told of what happens to them.

A change of a session goes to the metrics, the audit log and, where it matters to whoever watches, the event stream.
When one becomes stricter, what waits for a person is judged once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from pipelock.control.backend import BackendError, SessionWish
from pipelock.door.door import Door
from pipelock.door.edges import Clock
from pipelock.engine import Facts
from pipelock.engine.sessions import Change, What
from pipelock.evidence.session_line import SessionEntry
from pipelock.model import (
    Contained,
    Evidence,
    GrantsChanged,
    Notice,
    Sandboxed,
    Session,
    SessionActed,
    SessionChanged,
    SessionDetail,
    SessionVerb,
    WallState,
)

__all__ = ["SWEEP_SECONDS", "Connections", "Oversight", "Sandboxes"]

SWEEP_SECONDS = 5.0
"""How often timers of sessions are looked at that have nothing to say."""
_COMPLAINT_SECONDS = 60.0
_NEVER = float("-inf")

_PUBLISHED = {
    What.ESCALATION: "escalation",
    What.RECOVERY: "recovery",
    What.AIRLOCK: "airlock",
    What.AIRLOCK_ENDED: "airlock",
    What.TAINT: "taint",
    What.BUDGET: "budget",
}
_STRICTER = frozenset({What.ESCALATION, What.AIRLOCK, What.TAINT})
# Event and level in the audit log. What has no line has one of its own already, or is only counted.
_EVENTS = {
    What.ANOMALY: ("session_anomaly", "warn"),
    What.ESCALATION: ("adaptive_escalation", "warn"),
    What.RECOVERY: ("adaptive_deescalate", "info"),
    What.UPGRADE: ("adaptive_upgrade", "warn"),
    What.AIRLOCK: ("airlock_enter", "warn"),
    What.AIRLOCK_ENDED: ("airlock_deescalate", "info"),
    What.DENIED: ("airlock_deny", "warn"),
    What.DRAINED: ("airlock_drain", "info"),
    What.BUDGET: ("session_budget", "warn"),
}


class Connections(Protocol):
    """The clients' connections, by the key of their session."""

    def end_session(self, key: str) -> int:
        """End all of them; how many there were."""

    def end_long_lived(self, key: str) -> int:
        """End closed tunnels and WebSockets; how many there were."""

    def in_flight(self, key: str) -> int:
        """How many are open."""


class Sandboxes(Protocol):
    """Launched agents behind walls, by the key of their session."""

    def of(self, key: str) -> Sandboxed | None:
        """The sandbox of a session; `None` where it has none."""

    def walls(self, key: str) -> tuple[WallState, bool] | None:
        """How its walls stand, and whether its agent has ended; `None` where it has none."""

    def living(self) -> Iterable[tuple[str, Contained]]:
        """Sessions whose agents may live."""

    def terminate(self, key: str, reason: str) -> bool:
        """End the agent; whether there is one."""


class Oversight:
    """The engine's sessions, and the connections and walls that belong to them."""

    def __init__(self, door: Door, clock: Clock, write: Callable[[SessionEntry, float], None]) -> None:
        self._door = door
        self._clock = clock
        self._write = write
        self._sessions = door.engine.sessions
        self._sessions.listener = self._changed
        self._sandboxes: Sandboxes | None = None
        self._is_looking = False
        self._complained_at = _NEVER
        door.stats.sessions.counts = self._sessions.counts

    def connect(self, connections: Connections, sandboxes: Sandboxes | None = None) -> None:
        """From now on sessions can be ended."""
        self._sandboxes = sandboxes
        if sandboxes is not None:
            self._door.stats.sessions.sandboxes = lambda: sum(1 for _ in sandboxes.living())
        self._sessions.ended = connections.end_session
        self._sessions.closed_in = connections.end_long_lived
        self._sessions.in_flight = connections.in_flight

    def sweep(self) -> None:
        """Let timers run out; called every `SWEEP_SECONDS`."""
        self._sessions.recover(self._now())

    # -- what is asked -----------------------------------------------------------------------------------------------

    def sessions(self) -> Sequence[Session]:
        """Known sessions, most recently seen first; then the launched agents that have sent nothing yet."""
        known = self._sessions.known()
        if self._sandboxes is None:
            return known
        keys = {session.key for session in known}
        silent = [_silent(key, one) for key, one in self._sandboxes.living() if key not in keys]
        return [self._walled(session) for session in (*known, *silent)]

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many there are by level and by tier."""
        return self._sessions.counts()

    def inspect(self, key: str) -> SessionDetail:
        """One session.

        Raises:
            BackendError: not_found.
        """
        detail = self._sessions.inspect(key, self._now())
        sandbox = self._sandboxes.of(key) if self._sandboxes is not None else None
        if detail is None and sandbox is not None:
            detail = SessionDetail(_silent(key, sandbox.contained), why="it has sent nothing yet")
        if detail is None:
            raise BackendError("not_found", "session not found")
        if sandbox is None:
            return detail
        return msgspec.structs.replace(detail, session=self._walled(detail.session), sandbox=sandbox)

    def act(self, wish: SessionWish) -> SessionActed:
        """Do something to one.

        Raises:
            BackendError: not_found, bad_request.
        """
        try:
            acted = self._sessions.act(wish, self._now())
        except ValueError as error:
            raise BackendError("bad_request", str(error)) from error
        sandbox_ends = (
            wish.verb is SessionVerb.TERMINATE
            and self._sandboxes is not None
            and self._sandboxes.terminate(wish.key, wish.reason)
        )
        if acted is None and sandbox_ends:
            acted = SessionActed(key=wish.key, verb=wish.verb)
        if acted is None:
            raise BackendError("not_found", "session not found")
        if wish.verb is SessionVerb.TERMINATE:
            self._forget_answers(wish.key)
        session = self._sessions.one(wish.key)
        if session is None and self._sandboxes is not None:
            session = next((_silent(key, one) for key, one in self._sandboxes.living() if key == wish.key), None)
        detail = _done(acted, wish.reason)
        if session is not None:
            self._door.bus.publish(SessionChanged(self._walled(session), wish.verb.value, detail, wish.by))
            more = {"action": wish.verb.value, "by": wish.by, "reason": wish.reason, "ended": acted.ended}
            self.record(SessionEntry(event="session_act", level="info", message=detail, session=wish.key, more=more))
        return acted

    def _walled(self, session: Session) -> Session:
        """A session with what is known of its walls."""
        walls = self._sandboxes.walls(session.key) if self._sandboxes is not None else None
        if walls is None:
            return session
        state, ended = walls
        return msgspec.structs.replace(session, walls=state, ended=session.ended or ended)

    def _forget_answers(self, key: str) -> None:
        """What was answered for this session ends with it: what it sends next begins afresh, and is asked about."""
        ended = self._door.approvals.grants.end_sessions(lambda other: other != key)
        if ended:
            self._door.bus.publish(GrantsChanged(f"answers that ended with their session: {ended}"))

    # -- what happens ------------------------------------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        self._door.stats.sessions.changed(change)
        if change.what in _EVENTS:
            self.record(_entry(change))
        if change.what in _PUBLISHED and change.trigger != "operator":  # that is told once, by `act`
            session = self._sessions.one(change.session)
            if session is not None:
                self._door.bus.publish(SessionChanged(self._walled(session), _PUBLISHED[change.what], change.detail))
        if change.what in _STRICTER and not self._is_looking:
            # Later: the decision that brought it is not yet delivered.
            self._is_looking = True
            self._clock.callLater(0, self._look_again)

    def _look_again(self) -> None:
        self._is_looking = False
        self._sessions.recover(self._now())
        self._door.rejudge_held()

    def record(self, entry: SessionEntry) -> None:
        """Write to the audit log; that it can't be written is told once a minute."""
        try:
            self._write(entry, self._door.wall())
        except OSError as error:
            now = self._clock.seconds()
            if now - self._complained_at >= _COMPLAINT_SECONDS:
                self._complained_at = now
                self._door.bus.publish(Notice("error", f"the audit log cannot be written: {error}"))

    def _now(self) -> Facts:
        return Facts(self._clock.seconds(), self._door.wall())


def _silent(key: str, one: Contained) -> Session:
    """The session of an agent that was launched and has sent nothing yet."""
    return Session(
        key=key,
        agent=one.agent,
        client="127.0.0.1",
        started_at=one.started_at,
        last_seen_at=one.started_at,
        evidence=Evidence.LISTENER,
        profile=one.profile,
    )


def _entry(change: Change) -> SessionEntry:
    event, level = _EVENTS[change.what]
    more: dict[str, str | float | int]
    match change.what:
        case What.ANOMALY:
            more = {"anomaly_type": change.after, "score": change.score, "mitre_technique": "T1078"}
        case What.UPGRADE:
            more = {
                "escalation_level": change.level,
                "from_action": change.before,
                "to_action": change.after,
                "scanner": change.trigger,
                "request_id": change.action_id,
            }
        case What.AIRLOCK:
            more = {"tier": change.after, "from": change.before, "trigger": change.trigger}
        case What.DENIED:
            more = {
                "tier": change.before,
                "transport": change.transport,
                "action_class": change.action_class,
                "request_id": change.action_id,
            }
        case What.DRAINED:
            more = {"result": change.after}
        case What.BUDGET:
            more = {"budget": change.after}
        case _:
            more = {"from": change.before, "to": change.after, "trigger": change.trigger, "score": change.score}
    detail = change.detail or event
    return SessionEntry(
        event=event,
        level=level,
        message=detail,
        session=change.session,
        agent=change.agent,
        client=change.client,
        more={"detail": detail, **more},
    )


def _done(acted: SessionActed, reason: str) -> str:
    words = {
        "airlock": f"airlock tier {acted.previous_tier} became {acted.new_tier}",
        "reset": f"set back from level {acted.previous_level} and tier {acted.previous_tier}",
        "terminate": f"ended, with {acted.ended} connections",
        "task": "a new task begins",
        "trust": "an override of taint was added",
    }
    said = words[acted.verb.value]
    return f"{said}: {reason}" if reason else said
