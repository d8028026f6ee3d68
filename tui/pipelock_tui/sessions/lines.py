"""The sessions as lines: the table, and one session in full. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from pipelock.model import (
    ANONYMOUS,
    BudgetUse,
    Evidence,
    Lamp,
    Lamps,
    Level,
    Process,
    Session,
    SessionDetail,
    SessionNote,
    TaintLevel,
    Tier,
)
from pipelock_tui.explain import LABEL, item
from pipelock_tui.text import Line, Part, cut, fit, line, width_of
from pipelock_tui.words import ago, clock_time, number, size

__all__ = [
    "SORTS",
    "budget_line",
    "detail_lines",
    "head_line",
    "lamp_parts",
    "level_words",
    "name_of",
    "ordered",
    "process_lines",
    "session_line",
    "tier_words",
    "title_line",
]

_LEVELS = {
    Level.NORMAL: ("·", "dim"),
    Level.ELEVATED: ("△", "warn"),
    Level.HIGH: ("▲", "block"),
    Level.CRITICAL: ("‼", "alarm"),
}
_TIERS = {
    Tier.NONE: ("open", "dim"),
    Tier.SOFT: ("soft", "note"),
    Tier.HARD: ("HARD", "block"),
    Tier.DRAIN: ("DRAIN", "alarm"),
}
_TIER_MEANS = {
    Tier.NONE: "not closed in",
    Tier.SOFT: "observed, everything recorded in full",
    Tier.HARD: "read only",
    Tier.DRAIN: "nothing new, what is open runs out",
}
_TAINTS = {
    TaintLevel.TRUSTED: "has read nothing that is not trusted",
    TaintLevel.INTERNAL: "has read what it made itself",
    TaintLevel.REFERENCE: "has read references that you trust",
    TaintLevel.LOW_RISK: "has read content from outside, of low risk",
    TaintLevel.UNTRUSTED: "has read content from outside that nobody vouches for",
    TaintLevel.HOSTILE: "has read content that tried to give it orders",
}
_EVIDENCE = {
    Evidence.LISTENER: "by the port that is its own",
    Evidence.PROCESS: "by its process, as the kernel tells",
    Evidence.CIDR: "by the address it comes from",
    Evidence.DEFAULT: "by a default in the configuration",
    Evidence.HEADER: "only as it says of itself",
    Evidence.NONE: "unknown",
}
_BUDGETS = {
    "requests": "requests",
    "bytes": "bytes",
    "unique_domains": "hosts",
    "wall_clock_seconds": "seconds",
}
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
    return f"{_LEVELS[level][0]} {level.value}"


def tier_words(tier: Tier) -> str:
    """The tier in a word."""
    return _TIERS[tier][0]


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
    process = f"{root.program}@{root.pid}" if root is not None else session.client
    ended = " (ended)" if session.ended else ""
    columns: dict[str, Line] = {
        "agent": (Part(fit(name_of(session) + ended, cells["agent"]), "dim" if session.ended else "strong"),),
        "process": (Part(fit(process, cells["process"]), "dim"),),
        "level": (Part(fit(level_words(session.level), cells["level"]), _LEVELS[session.level][1]),),
        "score": (Part(fit(score, cells["score"]), "dim"),),
        "tier": (Part(fit(tier_words(session.tier), cells["tier"]), _TIERS[session.tier][1]),),
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


def _share(use: BudgetUse) -> float:
    return use.used / use.limit if use.limit else 0.0


def _is_tight(budgets: Sequence[BudgetUse]) -> bool:
    return any(_share(use) >= 0.8 for use in budgets)


def _fullest(budgets: Sequence[BudgetUse]) -> str:
    """The budget that is nearest to its end."""
    limited = [use for use in budgets if use.limit]
    if not limited:
        return ""
    use = max(limited, key=_share)
    return f"{_share(use):.0%} {_BUDGETS.get(use.name, use.name)}"


def budget_line(use: BudgetUse, width: int) -> Line:
    """One budget with a bar and its figures; the bar has at most 20 cells."""
    name = f"    {_BUDGETS.get(use.name, use.name):<10}"
    if not use.limit:
        return line((name, "dim"), f"{number(use.used)}, no limit")
    cells = max(5, min(20, width - 40))
    share = min(1.0, _share(use))
    full = round(share * cells)
    role = "block" if use.used >= use.limit else "warn" if share >= 0.8 else ""
    bar = "█" * full + "░" * (cells - full)
    spent = "  SPENT" if use.used >= use.limit else ""
    return line(
        (name, "dim"), (bar, role), f" {share:.0%}  {number(use.used)} of {number(use.limit)}", (spent, "block")
    )


def process_lines(processes: Sequence[Process], label: str = "process") -> list[Line]:
    """Who asks: the client's own process first, each under it the one that started it."""
    lines: list[Line] = []
    for depth, process in enumerate(processes):
        head = f"  {label if not depth else '':<{LABEL - 3}} "
        branch = "  " * depth + ("└ " if depth else "")
        command = process.command or process.program
        lines.append(
            line((head, "dim"), branch, (process.program or "?", "strong"), (f" {process.pid}  ", "dim"), (command, ""))
        )
    return lines


def detail_lines(
    session: Session, detail: SessionDetail | None, now: float, zone: tzinfo | None = None, width: int = 80
) -> list[Line]:
    """One session in full, not wrapped. `detail` is `None` until the daemon has told it."""
    level, tier = _LEVELS[session.level], _TIERS[session.tier]
    lines: list[Line] = [
        line(
            (name_of(session), "strong"),
            ("   ", ""),
            (level_words(session.level), level[1]),
            ("   tier ", "dim"),
            (tier[0], tier[1]),
            ("   ", ""),
            *lamp_parts(session.lamps),
            ("   ENDED by an operator" if session.ended else "", "warn"),
        ),
        item("session", session.key),
        item("known", _EVIDENCE[session.evidence] + (f", profile {session.profile}" if session.profile else "")),
    ]
    if detail is not None and detail.why:
        lines.append(item("why", detail.why, "strong"))
    if detail is not None and detail.next:
        lines.append(item("next", detail.next, "key"))
    lines += process_lines(session.processes)
    lines += _state_lines(session, now, zone)
    lines += _taint_lines(session, detail, zone)
    if session.budgets:
        lines += [(), line(("BUDGETS", "title")), *(budget_line(use, width) for use in session.budgets)]
    lines += _note_lines(detail, zone)
    return lines


def _state_lines(session: Session, now: float, zone: tzinfo | None) -> list[Line]:
    score = f"{session.score:.1f} points"
    if session.threshold:
        score += f", next level at {session.threshold:.1f}"
    if session.block_all:
        score += "; at this level even clean traffic is refused"
    lines: list[Line] = [(), line(("STATE", "title")), item("score", score)]
    if session.recovers_at > now:
        lines.append(item("recovers", f"one level down in {ago(session.recovers_at - now)} if nothing happens"))
    if session.tier is not Tier.NONE:
        words = _TIER_MEANS[session.tier] + (f"; {session.tier_why}" if session.tier_why else "")
        until = f"; until {clock_time(session.tier_until, zone)}" if session.tier_until else "; until you release it"
        lines.append(item("airlock", words + until, _TIERS[session.tier][1]))
    seen = f"{number(session.requests)} requests, {number(session.blocked)} blocked, {size(session.bytes)} bytes"
    lines.append(
        item(
            "traffic",
            f"{seen}; hosts: {session.domains}; open connections: {session.in_flight}",
        )
    )
    last = ago(now - session.last_seen_at)
    lines.append(item("times", f"since {clock_time(session.started_at, zone)}, last {last} ago"))
    return lines


def _taint_lines(session: Session, detail: SessionDetail | None, zone: tzinfo | None) -> list[Line]:
    lines: list[Line] = [(), line(("TAINT", "title"), (f"  {_TAINTS[session.taint]}", "dim"))]
    lamps = session.lamps
    for name, lamp in (("untrusted", lamps.untrusted), ("private", lamps.private), ("egress", lamps.egress)):
        lines.append(_lamp_line(name, lamp, zone))
    if lamps.all_lit:
        lines.append(line(("  All three are lit: what it read from outside could take your data out.", "block")))
    if session.task or session.task_id:
        lines.append(item("task", f"{session.task or 'unnamed'}  {session.task_id}".rstrip()))
    if session.trusted_until:
        lines.append(item("trusted", f"by your override, until {clock_time(session.trusted_until, zone)}", "warn"))
    for place, source in enumerate(detail.sources if detail is not None else ()):
        lines.append(item("" if place else "sources", source))
    return lines


def _lamp_line(name: str, lamp: Lamp, zone: tzinfo | None) -> Line:
    if not lamp.lit:
        return line((f"  ○ {name:<{LABEL - 5}}", "dim"), (" dark", "dim"))
    when = f"{clock_time(lamp.at, zone)}  " if lamp.at else ""
    return line((f"  ● {name:<{LABEL - 5}}", "warn"), (f" {when}", "dim"), lamp.what or "lit")


def _note_lines(detail: SessionDetail | None, zone: tzinfo | None) -> list[Line]:
    if detail is None:
        return [(), line(("Asking the daemon for more…", "dim"))]
    if not detail.notes:
        return [(), line(("WHAT COUNTED", "title"), ("  nothing so far", "dim"))]
    head = line(("WHAT COUNTED", "title"), ("  newest first", "dim"))
    return [(), head, *(_note_line(note, zone) for note in reversed(detail.notes))]


def _note_line(note: SessionNote, zone: tzinfo | None) -> Line:
    points = f"{note.score:+.1f}" if note.score else ""
    what = f"{note.kind} {note.type}".strip()
    about = f" {note.target}" if note.target else ""
    return line(
        (f"  {clock_time(note.at, zone)} ", "dim"),
        (f"{points:>5} ", "warn" if note.score > 0 else "allow"),
        (what, "strong"),
        (about, ""),
        (f"  {note.detail}" if note.detail else "", "dim"),
    )


def title_line(count: int, by: str, width: int, *, note: str = "") -> Line:
    """The line over the table: how many, in which order, and what is wrong with the list, if anything."""
    left = line((" SESSIONS ", "title"), (f" {count}", "dim"), (f"  by {by}", "dim"))
    room = width - width_of(left) - 2
    return (*left, Part("  " + cut(note, room), "warn")) if note and room > 8 else left
