"""The dashboard's frame in words: title bar, banners, key hints. Pure: state in, lines out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from pipelock import __version__
from pipelock.control.frames import Welcome
from pipelock.model import KillSwitchState, Status
from pipelock_tui.text import Line, Part, line, width_of
from pipelock_tui.words import ago, clock_time, number

__all__ = [
    "CLEARING",
    "Connection",
    "KillQuestion",
    "banner_lines",
    "clearing_lines",
    "header_line",
    "kill_question",
    "kill_sources",
]

CLEARING = {
    "config": "set kill_switch.enabled to false in the configuration file and reload",
    "api": "release it from here, or run `pipelock kill off`",
    "signal": "send the daemon SIGUSR1 once more (kill -USR1 {pid})",
    "sentinel": "delete the sentinel file that kill_switch.sentinel_file names",
}


@dataclass(frozen=True, slots=True)
class Connection:
    """How the daemon is reached. `since` is when this state began, seconds since the epoch."""

    welcome: Welcome | None = None
    up: bool = False
    why: str = ""
    code: str = ""
    since: float = 0.0

    @property
    def may_decide(self) -> bool:
        """Whether an answer can be given at all: connected, and not as a mere watcher."""
        return self.up and self.welcome is not None and self.welcome.may_decide

    @property
    def objection(self) -> str:
        """Why nothing can be decided; empty where it can."""
        if not self.up:
            return "Not connected to the daemon: nothing can be decided until the connection is back."
        if not self.may_decide:
            why = self.welcome.why if self.welcome is not None else ""
            return f"This dashboard may only watch: {why or 'the daemon says so'}."
        return ""


def kill_sources(state: KillSwitchState) -> tuple[str, ...]:
    """The sources that hold the switch."""
    return tuple(name for name, holds in state.sources.items() if holds)


def clearing_lines(state: KillSwitchState, pid: int = 0) -> list[Line]:
    """How each source that holds the switch is cleared."""
    lines = []
    for name in kill_sources(state):
        words = CLEARING.get(name, "see the daemon's documentation").replace("{pid}", str(pid) if pid else "PID")
        lines.append(line((f"  {name:<9}", "strong"), words))
    return lines


def header_line(connection: Connection, status: Status | None, kill: KillSwitchState, waiting: int, width: int) -> Line:
    """The title bar in exactly `width` cells; what matters least is left out first, the badges never."""
    left: list[tuple[int, Part]] = [(0, Part(" PIPELOCK ", "brand"))]
    if connection.up:
        left.append((1, Part(" ● connected", "allow")))
    elif connection.since:
        left.append((1, Part(" ○ DISCONNECTED", "block")))
    else:
        left.append((1, Part(" ○ connecting", "warn")))
    if connection.up and not connection.may_decide:
        left.append((1, Part(" watch only", "warn")))
    if status is not None:
        stale = "" if connection.up else " (old)"
        mode = status.mode if status.enforce else f"{status.mode}, not enforcing"
        left.append((2, Part(f"  {mode}{stale}", "" if status.enforce else "warn")))
        left.append((4, Part(f"  {number(status.requests)} seen", "dim")))
        left.append((3, Part(f"  ✗ {number(status.blocked)}", "block")))
        left.append((5, Part(f"  ! {number(status.warned)}", "warn")))
        left.append((6, Part(f"  policy {status.policy[:8]}", "dim")))
        left.append((7, Part(f"  {status.listen}", "dim")))
    right = [Part(" ■ KILL ON ", "alarm")] if kill.active else []
    right.append(Part(f" ◆ {waiting} WAITING ", "badge") if waiting else Part(" nothing waits ", "dim"))
    while width_of(tuple(part for _, part in left)) + width_of(tuple(right)) > width and len(left) > 1:
        left.remove(max(left, key=lambda entry: entry[0]))
    parts = tuple(part for _, part in left)
    space = " " * max(0, width - width_of(parts) - width_of(tuple(right)))
    return (*parts, Part(space), *right)


def banner_lines(
    connection: Connection, status: Status | None, kill: KillSwitchState, now: float, zone: tzinfo | None = None
) -> list[Line]:
    """What must not be overlooked, not wrapped; empty when all is well."""
    lines: list[Line] = []
    if connection.since and not connection.up:
        when = f"{clock_time(connection.since, zone)}, {ago(now - connection.since)} ago"
        head = "VERSION MISMATCH" if connection.code == "version" else "NOT CONNECTED"
        lines.append(
            line(
                (f" ▲ {head} ", "alarm"),
                (
                    f" since {when}: {connection.why}. What you see is old; nothing can be decided. Trying again…",
                    "warn",
                ),
            )
        )
    if connection.up and connection.objection:
        lines.append(line((" ▲ WATCH ONLY ", "alarm"), (f" {connection.objection}", "warn")))
    welcome = connection.welcome
    if connection.up and welcome is not None and welcome.version != __version__:
        text = f" daemon {welcome.version}, dashboard {__version__}: restart the older one"
        lines.append(line((" ! VERSIONS DIFFER ", "badge"), (text, "warn")))
    if kill.active:
        held = ", ".join(kill_sources(kill)) or "unknown source"
        text = f" everything is refused. Held by: {held}. {kill.message}"
        lines.append(line((" ■ KILL SWITCH ON ", "alarm"), (text, "block")))
        lines += clearing_lines(kill, status.pid if status else 0)
    return lines


@dataclass(frozen=True, slots=True)
class KillQuestion:
    """What is asked before the kill switch moves. An empty `offer` means that there is nothing to be done from here."""

    title: str
    body: tuple[Line, ...]
    offer: str
    turns_on: bool


def kill_question(state: KillSwitchState, status: Status | None) -> KillQuestion:
    """Turn on what is off; release our own source; or explain how the sources of others are cleared."""
    pid = status.pid if status is not None else 0
    if not state.active:
        warning = (
            line("Every request, response and open tunnel of every agent is refused,"),
            line("at once, until the switch is released. What waits for an answer is withdrawn."),
        )
        return KillQuestion(" TURN THE KILL SWITCH ON? ", warning, "stop everything", turns_on=True)
    ours = state.sources.get("api", False)
    others = [held for held in clearing_lines(state, pid) if held[0].text.strip() != "api"]
    body: tuple[Line, ...] = ()
    if others:
        lead = (
            "Others hold it too; it stays on until each is cleared:"
            if ours
            else "It is not held from here. To clear it:"
        )
        body = (line(lead), *others)
    if ours:
        last = "Traffic flows again, judged by policy as before." if not others else "This releases our part only."
        return KillQuestion(" RELEASE THE KILL SWITCH? ", (*body, line(last)), "release it", turns_on=False)
    return KillQuestion(" THE KILL SWITCH IS ON ", body, "", turns_on=False)
