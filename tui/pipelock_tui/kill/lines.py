"""The kill switch in words: its sources, who holds it, and how each is cleared. Pure."""

from __future__ import annotations

from pipelock.model import KillSwitchState
from pipelock_tui.facts import CLEARING, kill_sources
from pipelock_tui.states import loading_lines
from pipelock_tui.text import Line, line

__all__ = ["SETTING", "kill_lines"]

SETTING = {
    "config": "kill_switch.enabled is true in the configuration file",
    "api": "a dashboard, `pipelock kill on`, or the admin API turned it on",
    "signal": "the daemon got SIGUSR1",
    "sentinel": "the file that kill_switch.sentinel_file names is there",
}


def kill_lines(state: KillSwitchState, pid: int, *, known: bool, key: str) -> list[Line]:
    """The page, not wrapped. `known` is false before the daemon was heard; `key` is what switches it from here."""
    if not known:
        return loading_lines("the kill switch")
    held = kill_sources(state)
    if state.active:
        head = [
            line((" ■ THE KILL SWITCH IS ON ", "alarm"), ("  everything of every agent is refused", "block")),
            line(("  held by    ", "dim"), (", ".join(held) or "an unknown source", "strong")),
        ]
    else:
        head = [line(("  □ The kill switch is off: traffic is judged by policy.", "allow"))]
    if state.message:
        head.append(line(("  agents read ", "dim"), state.message))
    head += [(), line(("  It is on while any of these holds it; each is cleared where it was set.", "dim"))]
    for name in {**dict.fromkeys(SETTING), **dict.fromkeys(state.sources)}:
        head += ((), *_source(name, pid, holds=state.sources.get(name, False), listed=name in state.sources))
    head += [
        (),
        line((f"  {key}", "key"), " turns it on, or releases what this dashboard and `pipelock kill on` hold."),
        line(("  What waits for an answer is withdrawn when it goes on; open tunnels are closed.", "dim")),
    ]
    return head


def _source(name: str, pid: int, *, holds: bool, listed: bool) -> list[Line]:
    clearing = CLEARING.get(name, "see the daemon's documentation").replace("{pid}", str(pid) if pid else "PID")
    state, role = ("■ holds it", "block") if holds else ("□ does not", "allow") if listed else ("· not in use", "dim")
    return [
        line((f"  {name:<10}", "strong"), (state, role)),
        line(("    set by   ", "dim"), SETTING.get(name, "something this dashboard does not know")),
        line(("    cleared  ", "dim"), (clearing, "key" if holds else "")),
    ]
