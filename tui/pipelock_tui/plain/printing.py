"""Things as lines of plain text, escaped: decisions, prompts, sessions, rules, grants. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pipelock.model import Grant, Pending, RuleRow, Session, Status, escape
from pipelock_tui.explain import taint_lines
from pipelock_tui.pending.choices import SCOPES, choices, exactly, offers_of
from pipelock_tui.ports import Clock
from pipelock_tui.rows import Row, path_of, why_of
from pipelock_tui.text import Line, plain
from pipelock_tui.words import ago, clock_time, countdown, size, verdict_words

__all__ = ["decision_line", "grant_line", "page", "prompt_lines", "rule_line", "session_line", "status_line"]

_WORDS = {
    "answer.once": "a {id} [SCOPE]",
    "answer.session": "s {id} [SCOPE]",
    "answer.timed": "t {id} TIME [SCOPE]",
    "answer.forever": "F {id} [SCOPE]",
    "answer.deny": "d {id} [SCOPE]",
    "answer.deny_rule": "D {id} TIME [SCOPE]",
    "answer.note": "d {id} NOTE",
    "answer.redact": "r {id}",
    "answer.edit": "body {id}, then e {id} FILE",
}


def decision_line(row: Row, clock: Clock) -> str:
    """One row of the list."""
    when = clock_time(row.at, clock.zone)
    if row.record is None:
        return f"{when} {escape(row.text)}"
    action, decision = row.record.action, row.record.decision
    target = action.host + path_of(action.url)
    parts = [when, verdict_words(decision.verdict), action.method or action.kind.value, target]
    parts += [f"agent={action.agent or action.client or 'unknown'}", f"size={size(action.size)}"]
    why = why_of(row.record)
    if why:
        parts.append(f"by={why}")
    if decision.reason:
        parts.append(f"- {decision.reason}")
    parts.append(f"id={action.id}")
    return " ".join(escape(part, 1024) for part in parts)


def prompt_lines(pending: Pending, clock: Clock) -> list[str]:
    """A prompt: what it is, who asks, why, the scopes, and what each answer means."""
    action = pending.action
    twins = f", {pending.twins} identical" if pending.twins > 1 else ""
    left = countdown(pending.expires_at, clock.wall()) + (" left, paused" if pending.paused else " left")
    lines = [f"? WAITING #{pending.id} {action.method} {action.url or action.host} agent={action.agent}, {left}{twins}"]
    lines.append(f"  why: {pending.reason or 'policy asks'}")
    lines += [f"  who: {each.program} {each.pid}: {each.command}" for each in pending.processes]
    lines += [f"  noticed: {each.severity.value} {each.rule}: {each.message}" for each in pending.findings]
    if pending.taint is not None:
        lines += [f"  taint: {text.strip()}" for text in page(taint_lines(pending.taint))[1:]]
    if action.remote:
        lines.append(f"  says: {action.remote}")
    if pending.action.preview:
        lines.append(f"  body: {pending.action.preview[:300]}")
    lines.append(f"  exactly: {exactly(pending)}")
    offers = offers_of(pending)
    for offer in offers:
        times = ", ".join(each.value for each in offer.lifetimes)
        broad = "; much more than what is shown" if offer.broad else ""
        lines.append(f"  scope {offer.scope.value} ({SCOPES[offer.scope]}): {offer.allow}; for {times}{broad}")
    for choice in choices(pending, offers[0]):
        if not choice.objection:
            lines.append(f"  {_WORDS[choice.action].format(id=pending.id)}: {choice.words}")
    return [escape(text, 2048) for text in lines]


def session_line(number: int, session: Session, now: float) -> str:
    """One session, with the number by which it may be named."""
    lamps = session.lamps
    lit = [
        word
        for word, lamp in (("untrusted", lamps.untrusted), ("private", lamps.private), ("egress", lamps.egress))
        if lamp.lit
    ]
    parts = [f"{number}. {session.key}", f"agent={session.agent}", f"level={session.level.value}"]
    parts += [f"score={session.score:.1f}", f"airlock={session.tier.value}", f"taint={session.taint.value}"]
    parts += [f"lit={'+'.join(lit) or 'none'}", f"seen={session.requests}", f"blocked={session.blocked}"]
    parts += [f"{use.name}={use.used}/{use.limit}" for use in session.budgets]
    parts.append(f"last {ago(now - session.last_seen_at)} ago")
    if session.walls is not None:
        parts.append(f"walls={session.walls.value}")
    if session.ended:
        parts.append("ended")
    return escape(" ".join(parts), 2048)


def rule_line(row: RuleRow, clock: Clock) -> str:
    """One rule with its hits."""
    parts = [f"{row.kind.value} {row.name}: {row.action}", f"hits={row.hits}"]
    if row.where:
        parts.append(f"where={row.where}")
    if row.expires_at:
        left = row.expires_at - clock.wall()
        parts.append(f"expires in {ago(left)}" if left > 0 else "expired")
    parts.append(f"from {row.source}")
    if row.id:
        parts.append(f"id={row.id}")
    if row.note:
        parts.append(f"- {row.note}")
    return escape(" ".join(parts), 2048)


def grant_line(grant: Grant) -> str:
    """One answer that holds."""
    word = "allow" if grant.allow else "deny"
    return escape(f"{grant.id} {word}: {grant.words} by={grant.by or 'unknown'} hits={grant.hits}", 2048)


def status_line(status: Status) -> str:
    """The daemon at a glance."""
    kill = "kill switch ON" if status.kill_switch.active else "kill switch off"
    return escape(
        f"{status.mode} at {status.listen}, policy {status.policy}, {status.requests} requests, "
        f"{status.blocked} blocked, {status.warned} warned, {status.pending} waiting, {status.sessions} sessions, "
        f"{status.grants} grants, {kill}",
        2048,
    )


def page(lines: Iterable[Line]) -> list[str]:
    """A page of a view as plain lines; empty ones are left out."""
    return [text for text in (plain(line).rstrip() for line in lines) if text]
