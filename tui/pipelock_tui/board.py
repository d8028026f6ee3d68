"""What the dashboard knows of the daemon, brought up to date by what the link yields. No screen, no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelock.control.aio import Connected, Disconnected
from pipelock.control.frames import Gap
from pipelock.model import (
    ConfigReloaded,
    Event,
    Grant,
    GrantsChanged,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Notice,
    Pending,
    Released,
    Session,
    SessionChanged,
    Status,
)
from pipelock_tui.desk import Desk
from pipelock_tui.facts import Connection
from pipelock_tui.journal import Journal
from pipelock_tui.ports import Clock, Item
from pipelock_tui.rows import Row, gap_row, row_of

__all__ = ["MAX_REMARKS", "MAX_SESSIONS", "Board", "Change", "Remark"]

MAX_REMARKS = 100
"""Remarks kept to be read again."""
MAX_SESSIONS = 10_000
"""Sessions kept; the daemon's own table is not larger by default."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something the operator was told. `severity` is information, warning or error."""

    at: float
    text: str
    severity: str


@dataclass(slots=True)
class Change:
    """What a batch brought.

    Attributes:
        rows: For the list.
        dropped: How many shown rows fell out of it at the old end.
        remarks: To be shown once.
        connected: The link came up in it, so all is to be asked anew.
        sessions: Keys of the sessions that changed.
        grants: The answers that hold for more than once changed.
    """

    rows: list[Row] = field(default_factory=list)
    dropped: int = 0
    remarks: list[tuple[str, str]] = field(default_factory=list)
    connected: bool = False
    sessions: set[str] = field(default_factory=set)
    grants: bool = False


class Board:
    """The state behind the screen.

    Attributes:
        connection: How the daemon is reached.
        status: Its status when last asked, `None` before the first answer.
        kill: The kill switch.
        desk: What waits for a person.
        journal: The rows of the list.
        remarks: What the operator was told, oldest first.
        sessions_version: Grows with every change of the sessions.
        grants, unreviewed: Answers that hold for more than once, and what differs in approvals.yaml, when last asked.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.connection = Connection()
        self.status: Status | None = None
        self.kill = KillSwitchState(active=False)
        self.desk = Desk()
        self.journal = Journal()
        self.remarks: deque[Remark] = deque(maxlen=MAX_REMARKS)
        self.grants: tuple[Grant, ...] = ()
        self.unreviewed: tuple[str, ...] = ()
        self.sessions_version = 0
        self._sessions: dict[str, Session] = {}
        self._epoch = ""
        self._live_from = 0.0

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Known sessions, in the daemon's order; those it told of since at the end."""
        return tuple(self._sessions.values())

    def session(self, key: str) -> Session | None:
        """One of them."""
        return self._sessions.get(key)

    def absorb(self, items: Iterable[Item]) -> Change:
        """Take in a batch, in order."""
        change = Change()
        for item in items:
            match item:
                case Connected():
                    self._connect(item, change)
                case Disconnected():
                    self._disconnect(item, change)
                case Gap():
                    change.rows.append(gap_row(item, self.clock.wall()))
                case Event():
                    self._happen(item, change)
        change.dropped = self.journal.add(change.rows)
        return change

    def learn(self, status: Status, listed: tuple[Pending, ...], revision: int) -> None:
        """Take over the daemon's own view; `revision` is the desk's from before it was asked."""
        self.status = status
        self.kill = status.kill_switch
        self.desk.reconcile(listed, revision, self.clock.monotonic())

    def learn_sessions(self, sessions: Iterable[Session]) -> None:
        """Take over the daemon's list of sessions."""
        self._sessions = {session.key: session for session in list(sessions)[:MAX_SESSIONS]}
        self.sessions_version += 1

    def learn_grants(self, grants: Iterable[Grant], unreviewed: tuple[str, ...]) -> None:
        """Take over the daemon's list of grants."""
        self.grants, self.unreviewed = tuple(grants), unreviewed

    def remark(self, text: str, severity: str) -> None:
        """Keep what the operator is told."""
        self.remarks.append(Remark(self.clock.wall(), text, severity))

    def _connect(self, item: Connected, change: Change) -> None:
        now = self.clock.wall()
        epoch = item.welcome.epoch
        if self._epoch and epoch != self._epoch:
            self.desk.restart(self.clock.monotonic())
            self._sessions.clear()
            self.sessions_version += 1
            self.grants, self.unreviewed = (), ()
            change.rows.append(
                Row(now, text="○ the daemon was restarted; what follows is from the new one", role="note")
            )
        elif self._epoch:
            change.rows.append(Row(now, text="● connected again", role="note"))
        self._epoch, self._live_from = epoch, now
        self.connection = Connection(item.welcome, up=True, since=now)
        # Keys pressed while the connection was down were not meant for what can be answered now.
        self.desk.rearm(self.clock.monotonic())
        change.connected = True

    def _disconnect(self, item: Disconnected, change: Change) -> None:
        now = self.clock.wall()
        since = self.connection.since if self.connection.since and not self.connection.up else now
        if self.connection.up:
            change.rows.append(Row(now, text=f"▲ connection lost: {item.why}", role="warn"))
        self.connection = Connection(self.connection.welcome, up=False, why=item.why, code=item.code, since=since)

    def _happen(self, event: Event, change: Change) -> None:
        if event.at >= self._live_from:
            self._happen_now(event, change)
        elif isinstance(event.payload, Released):
            self._release(event.payload)
        row = row_of(event)
        if row is not None:
            change.rows.append(row)

    def _happen_now(self, event: Event, change: Change) -> None:
        """Of the past only the rows matter; the rest of it is learned by asking, which knows better."""
        payload = event.payload
        match payload:
            case Held():
                self.desk.hold(payload.pending, self.clock.monotonic())
            case Released():
                self._release(payload)
            case KillSwitchChanged():
                self.kill = payload.state
            case SessionChanged():
                self._change_session(payload.session, change)
            case GrantsChanged():
                change.grants = True
            case ConfigReloaded():
                text = payload.detail + (f"; weaker: {', '.join(payload.weaker)}" if payload.weaker else "")
                change.remarks.append((text, "warning" if payload.ok and payload.weaker else _SEVERITY[payload.ok]))
            case Notice() if payload.level != "info":
                change.remarks.append((payload.text, "error" if payload.level == "error" else "warning"))
            case _:
                pass

    def _release(self, payload: Released) -> None:
        self.desk.release(payload.id, payload.outcome, payload.by, self.clock.monotonic())

    def _change_session(self, session: Session, change: Change) -> None:
        change.sessions.add(session.key)
        if session.key in self._sessions or len(self._sessions) < MAX_SESSIONS:
            self._sessions[session.key] = session
            self.sessions_version += 1


_SEVERITY = {True: "information", False: "error"}
