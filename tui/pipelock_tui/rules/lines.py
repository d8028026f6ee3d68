"""Rules, suppressions and grants as lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from pipelock.model import RuleKind, RuleRow
from pipelock_tui.explain import item
from pipelock_tui.text import Line, Part, cut, fit, line, width_of
from pipelock_tui.words import ago, clock_time, number, span

__all__ = [
    "KINDS",
    "day_time",
    "detail_lines",
    "head_line",
    "kind_line",
    "left",
    "matching",
    "rule_line",
    "unreviewed_lines",
]

KINDS: tuple[RuleKind | None, ...] = (None, *RuleKind)
"""The lists that can be shown; `None` is all of them."""
MAX_UNREVIEWED = 12
"""Lines of the difference in approvals.yaml that are shown over the list; the detail has all."""
_NAMES = {
    None: "All",
    RuleKind.DETECTION: "Detection",
    RuleKind.EGRESS: "Egress",
    RuleKind.SUPPRESSION: "Suppressions",
    RuleKind.GRANT: "Grants",
}
_GLYPHS = {RuleKind.DETECTION: "◎", RuleKind.EGRESS: "→", RuleKind.SUPPRESSION: "≈", RuleKind.GRANT: "✓"}
_ROLES = {"block": "block", "deny": "block", "warn": "warn", "ask": "ask", "allow": "allow", "suppress": "strip"}


def matching(rows: Sequence[RuleRow], kind: RuleKind | None, word: str) -> list[RuleRow]:
    """The rows of one list that hold `word` anywhere, in the daemon's order; all for an empty word."""
    folded = word.casefold()
    return [
        row
        for row in rows
        if (kind is None or row.kind is kind)
        and (not folded or folded in f"{row.name} {row.where} {row.action} {row.source} {row.note}".casefold())
    ]


def kind_line(chosen: RuleKind | None, rows: Sequence[RuleRow], width: int, *, word: str = "") -> Line:
    """The names of the lists with their counts, the open one in brackets."""
    parts: list[Part] = [Part(" RULES ", "title")]
    for kind in KINDS:
        count = sum(kind is None or row.kind is kind for row in rows)
        name = f"{_NAMES[kind]} {count}" if width >= 70 else _NAMES[kind][:6]
        parts.append(Part(f"[{name}]" if kind is chosen else f" {name} ", "badge" if kind is chosen else "dim"))
    if word:
        parts.append(Part(cut(f'  with "{word}"', max(6, width - width_of(tuple(parts)) - 1)), "warn"))
    return tuple(parts)


def _widths(width: int) -> dict[str, int]:
    cells = {"hits": 7, "action": 9, "expires": 10, "source": 0 if width < 90 else 18}
    cells["where"] = 0 if width < 72 else max(12, (width - sum(cells.values()) - 7) * 2 // 5)
    gaps = sum(1 for taken in cells.values() if taken)
    cells["name"] = max(10, width - 4 - sum(cells.values()) - gaps)
    return cells


_TITLES = {"name": "rule", "where": "where", "action": "does", "hits": "hits", "expires": "expires", "source": "source"}


def head_line(width: int) -> Line:
    """The column titles."""
    cells = _widths(width)
    return (Part("    " + " ".join(fit(word, cells[name]) for name, word in _TITLES.items() if cells[name]), "head"),)


def rule_line(row: RuleRow, width: int, now: float, *, selected: bool = False) -> Line:
    """One row. `now` is seconds since the epoch."""
    cells = _widths(width)
    columns = {
        "name": Part(fit(row.name, cells["name"]), "strong" if row.hits else ""),
        "where": Part(fit(row.where or "anywhere", cells["where"]), "" if row.where else "dim"),
        "action": Part(fit(row.action, cells["action"]), _ROLES.get(row.action, "")),
        "hits": Part(fit(number(row.hits) if row.hits else "-", cells["hits"]), "" if row.hits else "dim"),
        "expires": Part(fit(left(row.expires_at, now), cells["expires"]), "dim"),
        "source": Part(fit(row.source, cells["source"]), "dim"),
    }
    parts = [Part("▶ " if selected else "  ", "cursor"), Part(f"{_GLYPHS[row.kind]} ", "dim")]
    for name in _TITLES:
        if cells[name]:
            parts += [columns[name], Part(" ")]
    return tuple(parts[:-1])


def left(expires_at: float, now: float) -> str:
    """How long something still holds: never, expired, 20 d, 3 h, 40 min."""
    if not expires_at:
        return "never"
    seconds = expires_at - now
    if seconds <= 0:
        return "expired"
    return f"{seconds / 86_400:.0f} d" if seconds >= 2 * 86_400 else ago(seconds)


def day_time(at: float, zone: tzinfo | None = None) -> str:
    """Day and time of a moment in `zone`."""
    try:
        return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d} {clock_time(at, zone)}"
    except (OverflowError, ValueError, OSError):
        return "--"


def detail_lines(row: RuleRow, now: float, zone: tzinfo | None = None) -> list[Line]:
    """One rule in full, not wrapped."""
    lines: list[Line] = [
        line((_NAMES[row.kind].upper(), "title"), (f"  {row.name}", "strong")),
        item("where", row.where or "anywhere"),
        item("does", row.action, _ROLES.get(row.action, "")),
    ]
    last = f", last {span(max(0.0, now - row.last_hit_at))} ago" if row.last_hit_at else ""
    lines.append(
        item(
            "hits",
            f"{number(row.hits)} since the daemon started{last}" if row.hits else "none since the daemon started",
        )
    )
    if row.expires_at:
        lines.append(item("expires", f"{day_time(row.expires_at, zone)} ({left(row.expires_at, now)})"))
    lines.append(item("source", f"{row.source or 'unknown'}{f', id {row.id}' if row.id else ''}"))
    if row.note:
        lines.append(item("note", row.note))
    return lines


def unreviewed_lines(unreviewed: Sequence[str], keys: str, *, most: int = MAX_UNREVIEWED) -> list[Line]:
    """What somebody else changed in approvals.yaml; nothing where nobody did."""
    if not unreviewed:
        return []
    head = line(
        (" ! approvals.yaml WAS CHANGED ", "badge"),
        ("  by somebody else, and is not in force. ", "warn"),
        (keys, "key"),
        (" takes it over", "dim"),
    )
    lines: list[Line] = [head]
    for text in unreviewed[:most]:
        role = "allow" if text.startswith("+") else "block" if text.startswith("-") else "dim"
        lines.append(line((f"   {text}", role)))
    if len(unreviewed) > most:
        lines.append(line((f"   … and {len(unreviewed) - most} more lines", "dim")))
    return lines
