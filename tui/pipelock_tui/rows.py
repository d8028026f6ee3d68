"""One row of the decision list, and how it is laid out at a width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from pipelock.control.frames import Gap
from pipelock.model import (
    ConfigReloaded,
    ContainmentChanged,
    ContainmentStep,
    Decided,
    Direction,
    Event,
    GrantsChanged,
    Held,
    KillSwitchChanged,
    Kind,
    Notice,
    Record,
    Released,
    SessionChanged,
    Tier,
    TunnelClosed,
    Verdict,
    WallRefused,
    WallState,
    weakest,
)
from pipelock_tui.text import Line, Part, cut, cut_start, fit, width_of
from pipelock_tui.words import OUTCOMES, clock_time, size, span, verdict_words

__all__ = [
    "Columns",
    "Row",
    "columns",
    "gap_row",
    "head_line",
    "method_of",
    "path_of",
    "row_line",
    "row_of",
    "target_parts",
    "why_of",
]


@dataclass(frozen=True, slots=True)
class Row:
    """A decision (`record` is set) or a remark.

    `role` colours a remark; `gap` marks events that are missing; `action_id` says which action a remark belongs to.
    """

    at: float
    record: Record | None = None
    text: str = ""
    role: str = ""
    gap: bool = False
    action_id: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Cells for each column; 0 hides it. The target takes what is left."""

    method: int
    target: int
    agent: int
    why: int
    size: int


_TIME, _VERDICT, _CURSOR = 8, 10, 2


def columns(width: int) -> Columns:
    """Share `width` cells between the columns; narrow screens lose the size, then the agent."""
    method = 6 if width < 100 else 7
    agent = 0 if width < 72 else 9 if width < 100 else 13
    why = 12 if width < 72 else 15 if width < 100 else 24
    amount = 0 if width < 92 else 6
    taken = _CURSOR + _TIME + _VERDICT + method + agent + why + amount
    gaps = 4 + (agent > 0) + (amount > 0)
    return Columns(method, max(8, width - taken - gaps), agent, why, amount)


def head_line(width: int) -> Line:
    """The column titles."""
    layout = columns(width)
    words = [fit("  time", _CURSOR + _TIME), fit("verdict", _VERDICT), fit("method", layout.method)]
    words.append(fit("host and path", layout.target))
    if layout.agent:
        words.append(fit("agent", layout.agent))
    words.append(fit("layer · rule", layout.why))
    if layout.size:
        words.append(fit("size", layout.size, right=True))
    return (Part(" ".join(words), "head"),)


def row_of(event: Event) -> Row | None:  # noqa: C901 - one case a kind
    """The row an event makes; `None` for those that only change the prompts."""
    payload = event.payload
    action_id = ""
    match payload:
        case Decided():
            return Row(payload.record.at or event.at, payload.record)
        case Released() if payload.by:
            text, role = f"◆ #{payload.id} {OUTCOMES[payload.outcome]} by {payload.by}", "ask"
        case Held() | Released():
            return None
        case KillSwitchChanged():
            word, role = ("■ KILL SWITCH ON", "block") if payload.state.active else ("□ kill switch off", "allow")
            text = word + (f", moved by {payload.by}" if payload.by else "")
        case ConfigReloaded():
            text, role = _reload(payload)
        case TunnelClosed():
            why = f", {payload.reason}" if payload.reason else ""
            took, sent, received = span(payload.duration_ms / 1000), size(payload.sent), size(payload.received)
            text = f"○ tunnel to {payload.target} closed after {took}: {sent} sent, {received} received{why}"
            role, action_id = "dim", payload.action_id
        case SessionChanged():
            text, role = _session(payload)
        case GrantsChanged():
            text, role = f"◆ {payload.detail}" + (f", by {payload.by}" if payload.by else ""), "note"
        case ContainmentChanged():
            text, role = _containment(payload)
        case WallRefused():
            text, role = _refused(payload), "warn"
        case Notice():
            glyph, role = _NOTICE.get(payload.level, ("i note:", "note"))
            text = f"{glyph} {payload.text}"
    return Row(event.at, text=text, role=role, action_id=action_id)


_NOTICE = {"error": ("✗ error:", "block"), "warn": ("! warning:", "warn")}


def _session(payload: SessionChanged) -> tuple[str, str]:
    session = payload.session
    by = f", by {payload.by}" if payload.by else ""
    worse = payload.what in {"escalation", "taint", "budget"} or session.tier.rank >= Tier.HARD.rank
    return f"◇ session {session.key}: {payload.detail or payload.what}{by}", "warn" if worse else "note"


def _containment(payload: ContainmentChanged) -> tuple[str, str]:
    contained = payload.contained
    weak = payload.what is ContainmentStep.STARTED and weakest(contained) is not WallState.UP
    role = "warn" if weak or payload.what in {ContainmentStep.LOST, ContainmentStep.FROZEN} else "note"
    why = f": {payload.detail}" if payload.detail else ""
    return f"▣ sandbox of {contained.agent} {payload.what.value}{why}", role


def _refused(payload: WallRefused) -> str:
    denial = payload.denial
    who = f" to {denial.program}" if denial.program else ""
    times = f", {denial.count} times" if denial.count > 1 else ""
    fix = f" (allow it: {denial.fix})" if denial.fix else ""
    more = f"; {payload.unreported} more before it" if payload.unreported else ""
    return f"▣ {payload.agent}: the {denial.wall.value} wall refused {denial.what}{who}{times}: {denial.why}{fix}{more}"


def _reload(payload: ConfigReloaded) -> tuple[str, str]:
    if not payload.ok:
        return f"✗ reload failed, the old policy stays: {payload.detail}", "block"
    if payload.weaker:
        return f"! configuration reloaded: {payload.detail}; WEAKER: {', '.join(payload.weaker)}", "warn"
    return f"✓ configuration reloaded: {payload.detail}", "allow"


def gap_row(gap: Gap, at: float) -> Row:
    """The row that says that events are missing here."""
    count = gap.last - gap.first + 1
    return Row(at, text=f"⋯ {count} earlier events are not shown here; the audit log has them", role="note", gap=True)


def path_of(url: str) -> str:
    """What follows the authority in an absolute URL."""
    _, found, rest = url.partition("://")
    if not found:
        return ""
    for place, char in enumerate(rest):
        if char in "/?#":
            return rest[place:]
    return ""


def target_parts(record: Record, width: int) -> tuple[Part, Part]:
    """Host and path in `width` cells: the end of the host always stays, the path gives way first."""
    action = record.action
    default = action.port in {0, 443 if action.url.startswith("https") else 80}
    host = action.host if default and action.kind is not Kind.CONNECT else f"{action.host}:{action.port}"
    host = cut_start(host, width)
    path = "" if action.kind is Kind.CONNECT else path_of(action.url)
    room = width - width_of((Part(host),))
    return Part(host, "strong"), Part(cut(path, room) if room > 1 else "", "dim")


def why_of(record: Record) -> str:
    """Layer and rule, or how a person answered."""
    decision = record.decision
    if decision.outcome is not None:
        return OUTCOMES[decision.outcome]
    rule = decision.rule or (decision.findings[0].rule if decision.findings else "")
    if not decision.layer:
        return rule
    return f"{decision.layer} · {rule}" if rule and rule != decision.layer else decision.layer


def row_line(row: Row, width: int, zone: tzinfo | None, *, selected: bool = False) -> Line:
    """Lay out one row. The selected row carries a marker, so that it is seen without colours too."""
    marker = Part("▶ " if selected else "  ", "cursor")
    when = Part(clock_time(row.at, zone) + " ", "dim")
    if row.record is None:
        return marker, when, Part(cut(row.text, width - _CURSOR - _TIME - 1), row.role)
    layout = columns(width)
    record, verdict = row.record, row.record.decision.verdict
    host, path = target_parts(record, layout.target)
    space = " " * (layout.target - width_of((host, path)) + 1)
    parts = [
        marker,
        when,
        Part(fit(verdict_words(verdict), _VERDICT) + " ", verdict.value),
        Part(fit(method_of(record), layout.method) + " "),
        host,
        path,
        Part(space),
    ]
    if layout.agent:
        parts.append(Part(fit(record.action.agent or record.action.client, layout.agent) + " ", "dim"))
    parts.append(Part(fit(why_of(record), layout.why), "" if verdict is Verdict.ALLOW else verdict.value))
    if layout.size:
        parts.append(Part(" " + fit(size(record.action.size), layout.size, right=True), "dim"))
    return tuple(parts)


def method_of(record: Record) -> str:
    """The method, or what else it is: an answer's status, a tunnel's first bytes."""
    action = record.action
    match action.kind:
        case Kind.RESPONSE:
            return f"← {action.status}" if action.status else "← answer"
        case Kind.CLIENT_HELLO:
            return "TLS"
        case Kind.TUNNEL_DATA:
            return "tunnel"
        case Kind.SCAN:
            return "scan"
        case Kind.PIECE | Kind.EVENT | Kind.MESSAGE:
            way = "←" if action.direction is Direction.INBOUND else "→"
            return f"{way} {action.kind.value}"
        case Kind.REQUEST | Kind.CONNECT:
            return action.method
