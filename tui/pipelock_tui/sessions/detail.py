"""One session in full, line by line: why it stands where it stands, and what comes next. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from pipelock.model import (
    BudgetUse,
    Evidence,
    Lamp,
    Process,
    Session,
    SessionDetail,
    SessionNote,
    Tier,
)
from pipelock_tui.explain import LABEL, item
from pipelock_tui.sessions.lines import BUDGETS, LEVELS, TIERS, lamp_parts, level_words, name_of, share
from pipelock_tui.sessions.walls import wall_lines
from pipelock_tui.text import Line, line
from pipelock_tui.words import TAINTS, ago, clock_time, number, size

__all__ = ["budget_line", "detail_lines", "process_lines"]

_TIER_MEANS = {
    Tier.NONE: "not closed in",
    Tier.SOFT: "observed, everything recorded in full",
    Tier.HARD: "read only",
    Tier.DRAIN: "nothing new, what is open runs out",
}
_EVIDENCE = {
    Evidence.LISTENER: "by the port that is its own",
    Evidence.PROCESS: "by its process, as the kernel tells",
    Evidence.CIDR: "by the address it comes from",
    Evidence.DEFAULT: "by a default in the configuration",
    Evidence.HEADER: "only as it says of itself",
    Evidence.NONE: "unknown",
}


def budget_line(use: BudgetUse, width: int) -> Line:
    """One budget with a bar and its figures; the bar has at most 20 cells."""
    name = f"    {BUDGETS.get(use.name, use.name):<10}"
    if not use.limit:
        return line((name, "dim"), f"{number(use.used)}, no limit")
    cells = max(5, min(20, width - 40))
    part = min(1.0, share(use))
    full = round(part * cells)
    role = "block" if use.used >= use.limit else "warn" if part >= 0.8 else ""
    bar = "█" * full + "░" * (cells - full)
    spent = "  SPENT" if use.used >= use.limit else ""
    return line((name, "dim"), (bar, role), f" {part:.0%}  {number(use.used)} of {number(use.limit)}", (spent, "block"))


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
    level, tier = LEVELS[session.level], TIERS[session.tier]
    lines: list[Line] = [
        line(
            (name_of(session), "strong"),
            ("   ", ""),
            (level_words(session.level), level[1]),
            ("   tier ", "dim"),
            (tier[0], tier[1]),
            ("   ", ""),
            *lamp_parts(session.lamps),
            (_ended(session, detail), "warn"),
        ),
        item("session", session.key),
        item("known", _EVIDENCE[session.evidence] + (f", profile {session.profile}" if session.profile else "")),
    ]
    if detail is not None and detail.why:
        lines.append(item("why", detail.why, "strong"))
    if detail is not None and detail.next:
        lines.append(item("next", detail.next, "key"))
    lines += process_lines(session.processes)
    if detail is not None and detail.sandbox is not None:
        lines += wall_lines(detail.sandbox, zone)
    lines += _state_lines(session, now, zone)
    lines += _taint_lines(session, detail, zone)
    if session.budgets:
        lines += [(), line(("BUDGETS", "title")), *(budget_line(use, width) for use in session.budgets)]
    lines += _note_lines(detail, zone)
    return lines


def _ended(session: Session, detail: SessionDetail | None) -> str:
    if not session.ended:
        return ""
    over = detail is not None and detail.sandbox is not None and detail.sandbox.ended_at
    return "   OVER" if over else "   ENDED by an operator"


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
        lines.append(item("airlock", words + until, TIERS[session.tier][1]))
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
    lines: list[Line] = [(), line(("TAINT", "title"), (f"  {TAINTS[session.taint]}", "dim"))]
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
