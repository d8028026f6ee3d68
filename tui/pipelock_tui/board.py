"""What the dashboard knows of the daemon, brought up to date by what the link yields. No screen, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelock.control.aio import Connected, Disconnected
from pipelock.control.frames import Gap
from pipelock.model import (
    ConfigReloaded,
    Event,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Notice,
    Pending,
    Released,
    Status,
)
from pipelock_tui.desk import Desk
from pipelock_tui.facts import Connection
from pipelock_tui.ports import Clock, Item
from pipelock_tui.rows import Row, gap_row, row_of

__all__ = ["Board", "Change"]


@dataclass(slots=True)
class Change:
    """What a batch brought: rows for the list, (text, severity) remarks to show once, and whether to ask anew."""

    rows: list[Row] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    connected: bool = False


class Board:
    """The state behind the screen."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.connection = Connection()
        self.status: Status | None = None
        self.kill = KillSwitchState(active=False)
        self.desk = Desk()
        self._epoch = ""
        self._live_from = 0.0

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
        return change

    def learn(self, status: Status, listed: tuple[Pending, ...], revision: int) -> None:
        """Take over the daemon's own view; `revision` is the desk's from before it was asked."""
        self.status = status
        self.kill = status.kill_switch
        self.desk.reconcile(listed, revision, self.clock.monotonic())

    def _connect(self, item: Connected, change: Change) -> None:
        now = self.clock.wall()
        epoch = item.welcome.epoch
        if self._epoch and epoch != self._epoch:
            self.desk.restart(self.clock.monotonic())
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
        payload = event.payload
        now = self.clock.monotonic()
        live = event.at >= self._live_from
        match payload:
            case Held():
                # Of the past only what still waits matters, and `learn` knows that better than the backlog.
                if live:
                    self.desk.hold(payload.pending, now)
            case Released():
                self.desk.release(payload.id, payload.outcome, payload.by, now)
            case KillSwitchChanged():
                if live:
                    self.kill = payload.state
            case ConfigReloaded() if live:
                text = payload.detail + (f" Weaker now: {', '.join(payload.weaker)}." if payload.weaker else "")
                change.remarks.append((text, "warning" if payload.ok and payload.weaker else _SEVERITY[payload.ok]))
            case Notice() if live and payload.level != "info":
                change.remarks.append((payload.text, "error" if payload.level == "error" else "warning"))
            case _:
                pass
        row = row_of(event)
        if row is not None:
            change.rows.append(row)


_SEVERITY = {True: "information", False: "error"}
