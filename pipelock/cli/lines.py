"""Events, held requests and states as text: one line each, everything from outside escaped."""

from __future__ import annotations

import time
from typing import assert_never

from pipelock.control.frames import Gap
from pipelock.model import (
    ActionSummary,
    ConfigReloaded,
    ContainmentChanged,
    Decided,
    Denial,
    Direction,
    Event,
    GrantsChanged,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Kind,
    Notice,
    Pending,
    Record,
    Released,
    SessionChanged,
    TunnelClosed,
    WallRefused,
    escape,
)

__all__ = ["action_text", "count", "denial_text", "duration", "event_line", "gap_line", "kill_text", "size_text"]

_URL = 300
"""Characters of a URL on a line; `--json` has the whole."""
_REASON = 500
_LINE = 1200


def count(number: int, noun: str, several: str = "") -> str:
    """`1 request`, `2 requests`; `several` where an s is not enough."""
    return f"{number} {noun}" if number == 1 else f"{number} {several or f'{noun}s'}"


def duration(seconds: float) -> str:
    """A span of time in its two largest units, `3 h 20 min`; negative spans count as none."""
    whole = max(int(seconds), 0)
    for unit, size, lower, factor in (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // factor
            return f"{whole // size} {unit} {rest} {lower}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def size_text(size: int) -> str:
    """Bytes in the unit that keeps the number short (1 KiB = 1024 B)."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def kill_text(state: KillSwitchState) -> str:
    """`off`, or `ON, held by …`."""
    if not state.active:
        return "off"
    holders = ", ".join(sorted(name for name, held in state.sources.items() if held)) or "an unnamed source"
    message = f": {state.message}" if state.message else ""
    return escape(f"ON, held by {holders}{message}", _REASON)


def action_text(action: ActionSummary) -> str:
    """What is or was to be done: method and target, without body and headers."""
    if action.kind is Kind.REQUEST:
        return escape(f"{action.method} {action.url}", _URL)
    if action.kind is Kind.RESPONSE:
        return escape(f"{action.status} from {action.url}", _URL)
    if action.kind.is_part:
        way = "from" if action.direction is Direction.INBOUND else "to"
        return escape(f"{action.kind.value} {way} {action.url}", _URL)
    target = action.url if not action.host else f"{action.host}:{action.port}"
    return escape(f"{action.kind.value.replace('_', ' ')} {target}", _URL)


def event_line(event: Event) -> str:
    """One line for one event: number, local time, word, text."""
    word, text = _payload(event)
    clock = time.strftime("%H:%M:%S", time.localtime(event.at))
    return f"{event.seq:>6} {clock} {word:<9} {text}"


def gap_line(gap: Gap) -> str:
    """The line that stands for events that can't be had any more."""
    return f"{gap.last:>6} -------- {'missing':<9} events {gap.first} to {gap.last} are only in the audit log"


def _payload(event: Event) -> tuple[str, str]:  # noqa: C901 - one case a kind
    payload = event.payload
    match payload:
        case Decided():
            word, text = payload.record.decision.verdict.value, _decided(payload.record)
        case Held():
            word, text = "held", _held(payload.pending)
        case Released():
            by = f" by {payload.by}" if payload.by else ""
            word, text = "released", f"{payload.id}: {payload.outcome.value}{by}"
        case KillSwitchChanged():
            by = f" (by {payload.by})" if payload.by else ""
            word, text = "kill", f"kill switch {kill_text(payload.state)}{by}"
        case ConfigReloaded():
            weaker = f"; weaker: {', '.join(payload.weaker)}" if payload.weaker else ""
            word, text = "reloaded" if payload.ok else "kept", f"{payload.detail}{weaker}"
        case TunnelClosed():
            traffic = f"{size_text(payload.sent)} out, {size_text(payload.received)} in"
            why = f": {payload.reason}" if payload.reason else ""
            word, text = "closed", f"{payload.target} after {payload.duration_ms / 1000:.1f} s, {traffic}{why}"
        case SessionChanged():
            by = f" (by {payload.by})" if payload.by else ""
            word, text = "session", f"{payload.session.key}: {payload.detail or payload.what}{by}"
        case GrantsChanged():
            by = f" (by {payload.by})" if payload.by else ""
            word, text = "grants", f"{payload.detail}{by}"
        case ContainmentChanged():
            word, text = "sandbox", f"{payload.contained.agent} {payload.contained.id}: {payload.what.value}"
            text += f", {payload.detail}" if payload.detail else ""
        case WallRefused():
            word, text = "wall", f"{payload.agent}: {denial_text(payload.denial)}"
        case Notice():
            word, text = payload.level, payload.text
        case _:
            assert_never(payload)
    return escape(word, 9), escape(text, _LINE)


def denial_text(denial: Denial) -> str:
    """What a wall refused, to whom, why, and what would allow it; not escaped."""
    who = f"{denial.program}: " if denial.program else ""
    times = f" ({denial.count} times)" if denial.count > 1 else ""
    fix = f"; {denial.fix}" if denial.fix else ""
    return f"{who}{denial.what}{times} - {denial.wall.value}: {denial.why}{fix}"


def _decided(record: Record) -> str:
    action, decision = record.action, record.decision
    text = action_text(action)
    if action.agent:
        text += f" [{escape(action.agent, 64)}]"
    if decision.reason:
        layer = f"{decision.layer}: " if decision.layer else ""
        text += f" - {escape(layer + decision.reason, _REASON)}"
    if not decision.enforced:
        text += " (not enforced)"
    return text


def _held(pending: Pending) -> str:
    twins = f" ({count(pending.twins, 'identical request')})" if pending.twins > 1 else ""
    return f"{escape(pending.id, 20)}: {action_text(pending.action)}{twins} - {escape(pending.reason, _REASON)}"
