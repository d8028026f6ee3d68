"""The walls that an agent was launched behind, and what they refused, line by line. Pure."""

from __future__ import annotations

from datetime import tzinfo

from pipelock.model import ContainmentMode, NotedDenial, Rung, Sandboxed, Wall, WallName, WallState
from pipelock_tui.explain import item
from pipelock_tui.text import Line, line
from pipelock_tui.words import clock_time, number

__all__ = ["WALLS", "wall_lines"]

WALLS = {
    WallState.UP: ("▣", "allow"),
    WallState.PARTLY: ("◩", "warn"),
    WallState.DOWN: ("□", "block"),
    WallState.OFF: ("·", "dim"),
}
"""Glyph and role of each state."""
_WIDEST = max(len(name) for name in WallName)
_RUNGS = {
    Rung.NAMESPACE: "a network of its own",
    Rung.PORTS: "one port, by Landlock",
    Rung.SYSTEM: "one port, by the system's sandbox",
    Rung.ENVIRONMENT: "variables alone, which it may ignore",
}
_MODES = {
    ContainmentMode.STRICT: "strict",
    ContainmentMode.NORMAL: "normal",
    ContainmentMode.BEST_EFFORT: "best effort",
}


def wall_lines(sandbox: Sandboxed, zone: tzinfo | None = None) -> list[Line]:
    """What stands around it, what it was launched as, and what was refused to it."""
    contained = sandbox.contained
    lines = [
        (),
        line(("WALLS", "title"), (f"  {_RUNGS[contained.rung]}; mode {_MODES[contained.mode]}", "dim")),
        item("standing", *_standing(sandbox, zone)),
        item("command", contained.command),
        item("folder", contained.workspace),
        *(
            item("" if place else "by config", f"reaches only {rule}")
            for place, rule in enumerate(sandbox.config_rules)
        ),
        *(item("" if place else "by launch", f"reaches only {rule}") for place, rule in enumerate(sandbox.rules)),
        *map(_wall_line, contained.walls),
    ]
    if not sandbox.denied:
        return [*lines, (), line(("REFUSED BY WALLS", "title"), ("  nothing so far", "dim"))]
    head = line(("REFUSED BY WALLS", "title"), (f"  {number(sandbox.denied)} in all, newest first", "dim"))
    return [*lines, (), head, *(_denial_line(noted, zone) for noted in reversed(sandbox.denials))]


def _standing(sandbox: Sandboxed, zone: tzinfo | None) -> tuple[str, str]:
    contained = sandbox.contained
    process = f"process {contained.pid}, " if contained.pid else ""
    since = f"{process}since {clock_time(contained.started_at, zone)}, sandbox {contained.id}"
    if sandbox.ended_at:
        return f"ended at {clock_time(sandbox.ended_at, zone)}; sandbox {contained.id}", "dim"
    if not sandbox.held:
        return f"its launcher is gone, so it has no network; {since}", "warn"
    return (f"FROZEN by the kill switch; {since}", "warn") if sandbox.frozen else (since, "")


def _wall_line(wall: Wall) -> Line:
    glyph, role = WALLS[wall.state]
    fix = f"  → {wall.fix}" if wall.fix and wall.state in {WallState.PARTLY, WallState.DOWN} else ""
    state = "" if wall.state is WallState.UP else f"{wall.state.value} "
    return line((f"  {glyph} {wall.name.value:<{_WIDEST}} ", role), (state, role), wall.detail, (fix, "key"))


def _denial_line(noted: NotedDenial, zone: tzinfo | None) -> Line:
    denial = noted.denial
    times = f" ({number(denial.count)} times)" if denial.count > 1 else ""
    return line(
        (f"  {clock_time(noted.at, zone)} ", "dim"),
        (f"{denial.what}{times}", "strong"),
        (f"  {denial.program}" if denial.program else "", ""),
        (f"  {denial.wall.value}: {denial.why}", "dim"),
        (f"  → {denial.fix}" if denial.fix else "", "key"),
    )
