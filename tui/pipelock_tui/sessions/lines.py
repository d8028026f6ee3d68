"""The table of sessions, line by line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pipelock.model import (
    ANONYMOUS,
    BudgetUse,
    Lamps,
    Level,
    Session,
    Tier,
    launch_of,
)
from pipelock_tui.sessions.walls import WALLS
from pipelock_tui.text import Line, Part, cut, fit, line, width_of
from pipelock_tui.words import ago, size

__all__ = [
    "BUDGETS",
    "LEVELS",
    "SORTS",
    "TIERS",
    "head_line",
    "lamp_parts",
    "level_words",
    "name_of",
    "ordered",
    "session_line",
    "share",
    "tier_words",
    "title_line",
]

LEVELS = {
    Level.NORMAL: ("·", "dim"),
    Level.ELEVATED: ("△", "warn"),
    Level.HIGH: ("▲", "block"),
    Level.CRITICAL: ("‼", "alarm"),
}
"""Glyph and role of each level."""
TIERS = {
    Tier.NONE: ("open", "dim"),
    Tier.SOFT: ("soft", "note"),
    Tier.HARD: ("HARD", "block"),
    Tier.DRAIN: ("DRAIN", "alarm"),
}
"""Word and role of each tier."""
BUDGETS = {
    "requests": "requests",
    "bytes": "bytes",
    "unique_domains": "hosts",
    "wall_clock_seconds": "seconds",
}
"""What each budget counts."""
SORTS = ("seen", "suspicion", "agent", "requests", "blocked")
"""Orders of the table, in the order in which the key goes through them."""


def ordered(sessions: Sequence[Session], by: str) -> list[Session]:
    """The sessions in one of the orders of `SORTS`; equal ones by their key, so that nothing jumps."""
    match by:
        case "suspicion":
            return sorted(sessions, key=lambda it: (-it.level.rank, -it.tier.rank, -it.score, it.key))
        case "agent":
            return sorted(sessions, key=lambda it: (it.agent, it.key))
        case "requests":
            return sorted(sessions, key=lambda it: (-it.requests, it.key))
        case "blocked":
            return sorted(sessions, key=lambda it: (-it.blocked, it.key))
        case _:
            return sorted(sessions, key=lambda it: (-it.last_seen_at, it.key))


def name_of(session: Session) -> str:
    """What a person calls it: the agent, or the program where no agent is known, or its key."""
    if session.agent and session.agent != ANONYMOUS:
        return session.agent
    return session.processes[-1].program if session.processes else session.key


def level_words(level: Level) -> str:
    """Glyph and word."""
    return f"{LEVELS[level][0]} {level.value}"


def tier_words(tier: Tier) -> str:
    """The tier in a word."""
    return TIERS[tier][0]


def lamp_parts(lamps: Lamps) -> Line:
    """The three lights with their letters: U(ntrusted content) P(rivate data) E(gress); lit is a full circle."""
    role = "block" if lamps.all_lit else "warn"
    pairs = (("U", lamps.untrusted), ("P", lamps.private), ("E", lamps.egress))
    return tuple(Part(f"{letter}{'●' if lamp.lit else '○'}", role if lamp.lit else "dim") for letter, lamp in pairs)


def _widths(width: int) -> dict[str, int]:
    """Cells for each column, 0 hides it; the agent takes what is left."""
    narrow, wide = width < 72, width >= 110
    cells = {"level": 10, "score": 0 if narrow else 9, "tier": 6, "lamps": 6, "seen": 7}
    cells["counts"] = 0 if width < 64 else 12
    cells["process"] = 24 if wide else 0
    cells["budget"] = 14 if width >= 100 else 0
    gaps = sum(1 for taken in cells.values() if taken)
    cells["agent"] = max(10, width - 2 - sum(cells.values()) - gaps)
    return cells


_TITLES = {
    "agent": "agent",
    "process": "process",
    "level": "level",
    "score": "score",
    "tier": "tier",
    "lamps": "taint",
    "counts": "seen/blocked",
    "budget": "budget",
    "seen": "last",
}


def head_line(width: int) -> Line:
    """The column titles."""
    cells = _widths(width)
    return (Part("  " + " ".join(fit(word, cells[name]) for name, word in _TITLES.items() if cells[name]), "head"),)


def session_line(session: Session, width: int, now: float, *, selected: bool = False) -> Line:
    """One row of the table. `now` is seconds since the epoch."""
    cells = _widths(width)
    score = f"{session.score:.1f}/{session.threshold:.0f}" if session.threshold else f"{session.score:.1f}"
    root = session.processes[-1] if session.processes else None
    launch = launch_of(session.key)
    place = f"sandbox-{launch}" if launch else session.client
    process = f"{root.program}@{root.pid}" if root is not None else place
    # Two sessions of one agent must not look alike where there is no room for their processes.
    which = str(root.pid) if root is not None else launch[:4]
    name = f"{name_of(session)}@{which}" if which and not cells["process"] else name_of(session)
    ended = " (ended)" if session.ended else ""
    mark, role = WALLS[session.walls] if session.walls is not None else ("", "")
    room = cells["agent"] - 2 if mark else cells["agent"]
    agent = Part(fit(name + ended, room), "dim" if session.ended else "strong")
    columns: dict[str, Line] = {
        "agent": (Part(f"{mark} ", role), agent) if mark else (agent,),
        "process": (Part(fit(process, cells["process"]), "dim"),),
        "level": (Part(fit(level_words(session.level), cells["level"]), LEVELS[session.level][1]),),
        "score": (Part(fit(score, cells["score"]), "dim"),),
        "tier": (Part(fit(tier_words(session.tier), cells["tier"]), TIERS[session.tier][1]),),
        "lamps": lamp_parts(session.lamps),
        "counts": (
            Part(
                fit(f"{size(session.requests)}/{size(session.blocked)}", cells["counts"]),
                "block" if session.blocked else "",
            ),
        ),
        "budget": (
            Part(fit(_fullest(session.budgets), cells["budget"]), "warn" if _is_tight(session.budgets) else "dim"),
        ),
        "seen": (Part(fit(ago(now - session.last_seen_at), cells["seen"]), "dim"),),
    }
    parts: list[Part] = [Part("▶ " if selected else "  ", "cursor")]
    for name in _TITLES:
        if cells[name]:
            parts += [*columns[name], Part(" ")]
    return tuple(parts[:-1])


def share(use: BudgetUse) -> float:
    """How much of it is spent, 1 being all; 0 without a limit."""
    return use.used / use.limit if use.limit else 0.0


def _is_tight(budgets: Sequence[BudgetUse]) -> bool:
    return any(share(use) >= 0.8 for use in budgets)


def _fullest(budgets: Sequence[BudgetUse]) -> str:
    """The budget that is nearest to its end."""
    limited = [use for use in budgets if use.limit]
    if not limited:
        return ""
    use = max(limited, key=share)
    return f"{share(use):.0%} {BUDGETS.get(use.name, use.name)}"


def title_line(count: int, by: str, width: int, *, note: str = "") -> Line:
    """The line over the table: how many, in which order, and what is wrong with the list, if anything."""
    left = line((" SESSIONS ", "title"), (f" {count}", "dim"), (f"  by {by}", "dim"))
    room = width - width_of(left) - 2
    return (*left, Part("  " + cut(note, room), "warn")) if note and room > 8 else left
