"""Sessions as text. Everything that came from outside is escaped."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from msgspec import UnsetType

from pipelock.admin.wire import AdaptiveStatus, EventRow, Explanation, Inspection, Snapshot, Whoami
from pipelock.cli.lines import count, denial_text, duration, size_text
from pipelock.model import Sandboxed, Wall, WallState, escape

__all__ = ["adaptive_text", "explained", "inspected", "table", "whoami_text"]

_HEADS = ("SESSION", "AGENT", "LEVEL", "SCORE", "AIRLOCK", "TAINT", "REQUESTS", "BLOCKED", "LAST SEEN")
_NOTHING = "nothing"


def table(sessions: Sequence[Snapshot], now: float) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The list at `now` (seconds since the epoch), head and lines; a column for walls where there are any."""
    if all(isinstance(session.walls, UnsetType) for session in sessions):
        return _HEADS, [_row(session, now) for session in sessions]
    walls = ["none" if isinstance(session.walls, UnsetType) else session.walls for session in sessions]
    rows = [(*_row(session, now), state) for session, state in zip(sessions, walls, strict=True)]
    return (*_HEADS, "WALLS"), rows


def _row(session: Snapshot, now: float) -> tuple[str, ...]:
    return (
        session.key,
        session.agent,
        session.escalation_level + (" (all blocked)" if session.block_all else ""),
        f"{session.threat_score:g}",
        session.airlock_tier,
        session.taint_level,
        str(session.requests),
        str(session.blocked),
        f"{_ago(session.last_activity, now)} ago",
    )


def _seconds(stamp: str) -> float:
    try:
        return dt.datetime.fromisoformat(stamp).timestamp()
    except ValueError:
        return 0.0


def _ago(stamp: str, now: float) -> str:
    return duration(now - _seconds(stamp)) if stamp else "a while"


def inspected(session: Inspection, now: float) -> Iterator[str]:
    """A session in full, line by line."""
    root = f", {escape(session.program, 64)} (process {session.pid})" if session.pid else ""
    yield escape(session.key, 400)
    yield f"  agent      {escape(session.agent, 80)} at {escape(session.client_ip, 80)}{root}"
    yield f"  known by   {escape(session.evidence or _NOTHING, 40)}"
    yield f"  level      {session.escalation_level}, {session.threat_score:g} of {session.threshold:g} points" + (
        "; everything is refused" if session.block_all else ""
    )
    since = f" for {_ago(session.airlock_entered_at, now)}" if isinstance(session.airlock_entered_at, str) else ""
    yield f"  airlock    {session.airlock_tier}{since}"
    yield f"  taint      {session.taint_level}" + (" (contaminated)" if session.contaminated else "")
    if not isinstance(session.current_task_label, UnsetType):
        yield f"  task       {escape(session.current_task_label, 200)}"
    yield (
        f"  traffic    {count(session.requests, 'request')}, {session.blocked} blocked, {size_text(session.bytes)}, "
        f"{count(session.domains, 'host')}, {session.in_flight} open now"
    )
    yield f"  last seen  {_ago(session.last_activity, now)} ago"
    for budget in session.budgets:
        yield f"  budget     {escape(budget.name, 40)}: {budget.used} of {budget.limit}"
    if session.sources:
        yield f"  read from  {escape(', '.join(session.sources), 500)}"
    yield from _sentences(session.why, session.next)
    if not isinstance(session.sandbox, UnsetType):
        yield from _sandbox(session.sandbox)
    yield from _events(session.recent_events)


def _sandbox(sandbox: Sandboxed) -> Iterator[str]:
    contained = sandbox.contained
    yield f"  sandbox    {escape(contained.id, 40)}, {_standing(sandbox)}; network by {contained.rung.value}"
    yield f"  command    {escape(contained.command, 300)}"
    yield f"  workspace  {escape(contained.workspace, 300)}"
    for rule in sandbox.config_rules:
        yield f"  by config  reaches only {escape(rule, 300)}"
    for rule in sandbox.rules:
        yield f"  by launch  reaches only {escape(rule, 300)}"
    for wall in contained.walls:
        yield f"  wall       {_wall(wall)}"
    if sandbox.denied:
        yield f"  what its walls refused, {count(sandbox.denied, 'time')} in all, newest last:"
    for noted in sandbox.denials:
        at = dt.datetime.fromtimestamp(noted.at, dt.UTC).strftime("%H:%M:%S")
        yield f"    {at} {escape(denial_text(noted.denial), 400)}"


def _standing(sandbox: Sandboxed) -> str:
    if sandbox.ended_at:
        return "ended"
    if not sandbox.held:
        return "its launcher is gone, so it is not served"
    return "frozen" if sandbox.frozen else f"process {sandbox.contained.pid}"


def _wall(wall: Wall) -> str:
    detail = f": {wall.detail}" if wall.detail else ""
    fix = f"; {wall.fix}" if wall.fix and wall.state is not WallState.UP else ""
    return escape(f"{wall.name.value} {wall.state.value}{detail}{fix}", 400)


def _sentences(*texts: str) -> Iterator[str]:
    for text in texts:
        if text:
            yield f"  {escape(text, 500)}"


def _events(events: Sequence[EventRow]) -> Iterator[str]:
    if events:
        yield "  what counted, oldest first:"
    for event in events:
        name = event.type if isinstance(event.type, str) else event.kind
        points = f" ({event.score:+g})" if event.score else ""
        about = f" {event.target}" if event.target else ""
        yield f"    {escape(event.at[11:19], 8)} {escape(f'{name}{points}{about}: {event.detail}', 300)}"


def explained(why: Explanation, now: float) -> Iterator[str]:
    """Why a session stands where it stands, line by line."""
    yield f"{escape(why.key, 400)}: airlock {why.tier}, level {why.escalation_level}, {why.threat_score:g} points"
    yield f"  reason     {escape(why.reason, 500)}"
    if isinstance(why.trigger, str):
        source = f" ({why.trigger_source})" if isinstance(why.trigger_source, str) else ""
        yield f"  trigger    {escape(why.trigger + source, 300)}"
    if isinstance(why.entered_at, str):
        yield f"  entered    {_ago(why.entered_at, now)} ago"
    if isinstance(why.evidence_kind, str):
        target = f" {why.evidence_target}" if isinstance(why.evidence_target, str) else ""
        detail = f": {why.evidence_detail}" if isinstance(why.evidence_detail, str) else ""
        yield f"  evidence   {escape(f'{why.evidence_kind}{target}{detail}', 400)}"
    if isinstance(why.next_deescalation_at, str):
        left = duration(_seconds(why.next_deescalation_at) - now)
        tier = why.next_deescalation_tier if isinstance(why.next_deescalation_tier, str) else "none"
        yield f"  then       {tier} in {left}, by itself"
    yield from _sentences(why.why, why.next)


def adaptive_text(status: AdaptiveStatus) -> Iterator[str]:
    """All sessions in numbers, line by line."""
    yield f"{count(status.active_sessions, 'session')}, the highest level is {status.max_escalation_level}"
    yield f"  levels     {_numbers(status.sessions_by_level)}"
    yield f"  airlock    {_numbers(status.airlock_tiers)}"
    yield f"  signals    {_numbers(status.recent_signal_counts) or _NOTHING}"
    if not isinstance(status.sessions, UnsetType):
        for session in status.sessions:
            yield (
                f"  {escape(session.key, 120)}: {session.escalation_level}, {session.threat_score:g} points, "
                f"airlock {session.airlock_tier}"
            )


def _numbers(numbers: dict[str, int]) -> str:
    return escape(", ".join(f"{number} {name.replace('_', ' ')}" for name, number in numbers.items() if number), 500)


def whoami_text(who: Whoami) -> Iterator[str]:
    """Who we are to the daemon, line by line."""
    yield f"{escape(who.session_key, 400)}" + ("" if who.exists else " (has sent nothing yet)")
    yield (
        f"  level {who.escalation_level}, {who.threat_score:g} points, airlock {who.airlock_tier}"
        + ("; everything is refused" if who.block_all else "")
    )
