"""What the daemon knows of sessions, in the admin API's words. Pure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from pipelock.admin.wire import (
    AdaptiveStatus,
    AirlockDone,
    EventRow,
    Explanation,
    Inspection,
    Name,
    ResetDone,
    Snapshot,
    TaskDone,
    TerminateDone,
    Whoami,
)
from pipelock.model import Level, Session, SessionActed, SessionDetail, SessionNote, TaintLevel, Tier, session_key

__all__ = [
    "adaptive_status",
    "airlock_done",
    "explanation",
    "in_tier",
    "inspection",
    "is_invocation",
    "own_session",
    "reset_done",
    "snapshot",
    "stamp",
    "task_done",
    "terminate_done",
    "whoami",
]

NOT_QUARANTINED = "session not quarantined"
_INVOCATIONS = ("mcp-stdio-", "mcp-http-", "mcp-ws-")
_TOP = 10
_BELOW = {Tier.DRAIN: Tier.HARD, Tier.HARD: Tier.SOFT, Tier.SOFT: Tier.NONE}
_SIGNAL = "signal"
_AIRLOCK = "airlock"


def stamp(at: float) -> str:
    """Seconds since the epoch as RFC 3339 in UTC with milliseconds; empty for 0."""
    if not at:
        return ""
    text = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def is_invocation(key: str) -> bool:
    """Whether this is one call's own session and not an agent's: such a one can't be reset."""
    return key.startswith(_INVOCATIONS)


def in_tier(sessions: Iterable[Session], tier: str) -> tuple[Session, ...]:
    """Those in a tier; all where `tier` is empty, and `normal` is another word for none.

    Raises:
        ValueError: there is no such tier.
    """
    if not tier:
        return tuple(sessions)
    try:
        wanted = Tier.NONE if tier == "normal" else Tier(tier)
    except ValueError as error:
        raise ValueError("tier must be one of none, soft, hard, drain, normal") from error
    return tuple(session for session in sessions if session.tier is wanted)


def snapshot(session: Session) -> Snapshot:
    """A session as it is listed."""
    root = session.processes[-1] if session.processes else None
    return Snapshot(
        key=session.key,
        agent=session.agent,
        client_ip=session.client,
        kind="invocation" if is_invocation(session.key) else "identity",
        current_task_id=session.task_id or UNSET,
        current_task_label=session.task or UNSET,
        threat_score=session.score,
        escalation_level=session.level.value,
        block_all=session.block_all,
        airlock_tier=session.tier.value,
        taint_level=session.taint.value,
        contaminated=session.taint.rank >= TaintLevel.UNTRUSTED.rank,
        last_activity=stamp(session.last_seen_at),
        evidence=session.evidence.value,
        program=root.program if root is not None else "",
        pid=root.pid if root is not None else 0,
        requests=session.requests,
        blocked=session.blocked,
        started_at=stamp(session.started_at),
        walls=session.walls.value if session.walls is not None else UNSET,
    )


def inspection(detail: SessionDetail) -> Inspection:
    """A session in full."""
    session = detail.session
    return Inspection(
        **msgspec.structs.asdict(snapshot(session)),
        airlock_entered_at=_when(session.tier_since if session.tier is not Tier.NONE else 0),
        in_flight=session.in_flight,
        escalation_level_int=session.level.rank,
        recent_events=tuple(_event(note) for note in detail.notes),
        threshold=session.threshold,
        why=detail.why,
        next=detail.next,
        budgets=session.budgets,
        sources=detail.sources,
        bytes=session.bytes,
        domains=session.domains,
        sandbox=detail.sandbox if detail.sandbox is not None else UNSET,
    )


def _when(at: float) -> str | UnsetType:
    return stamp(at) or UNSET


def _event(note: SessionNote) -> EventRow:
    return EventRow(
        at=stamp(note.at),
        kind=note.kind,
        type=note.type or UNSET,
        target=note.target,
        detail=note.detail,
        severity=note.severity,
        score=note.score,
    )


def explanation(detail: SessionDetail, now: float) -> Explanation:
    """Why a session stands where it stands, at `now` (seconds since the epoch)."""
    session = detail.session
    closed = session.tier is not Tier.NONE
    entry = _latest(detail.notes, _AIRLOCK) if closed else None
    evidence = _latest(detail.notes, _SIGNAL)
    return Explanation(
        key=session.key,
        tier=session.tier.value,
        reason=(session.tier_why or detail.why) if closed else NOT_QUARANTINED,
        trigger=entry.target or UNSET if entry is not None else UNSET,
        trigger_source=_source(entry.target) if entry is not None and entry.target else UNSET,
        entered_at=_when(session.tier_since) if closed else UNSET,
        elapsed_in_tier_ns=max(round((now - session.tier_since) * 1e9), 0) if closed and session.tier_since else UNSET,
        escalation_level=session.level.value,
        escalation_level_int=session.level.rank,
        threat_score=session.score,
        evidence_kind=evidence.type or UNSET if evidence is not None else UNSET,
        evidence_target=evidence.target or UNSET if evidence is not None else UNSET,
        evidence_detail=evidence.detail or UNSET if evidence is not None else UNSET,
        evidence_at=_when(evidence.at) if evidence is not None else UNSET,
        next_deescalation_tier=_BELOW[session.tier].value if closed and session.tier_until else UNSET,
        next_deescalation_at=_when(session.tier_until) if closed else UNSET,
        why=detail.why,
        next=detail.next,
    )


def _source(trigger: str) -> str:
    """Who moved the tier: its timer, the operator, or else what the session did."""
    return trigger if trigger in ("timer", "operator") else "adaptive"


def _latest(notes: Sequence[SessionNote], kind: str) -> SessionNote | None:
    return next((note for note in reversed(notes) if note.kind == kind), None)


def airlock_done(acted: SessionActed) -> AirlockDone:
    """What setting the tier did."""
    return AirlockDone(acted.key, acted.previous_tier.value, acted.new_tier.value, acted.changed)


def reset_done(acted: SessionActed) -> ResetDone:
    """What a reset did."""
    return ResetDone(
        key=acted.key,
        previous_level=acted.previous_level.value,
        previous_score=acted.previous_score,
        ip_state_cleared=acted.ip_state_cleared,
        cee_state_cleared=acted.cee_state_cleared,
    )


def terminate_done(acted: SessionActed) -> TerminateDone:
    """What ending a session did."""
    return TerminateDone(
        key=acted.key,
        previous_tier=acted.previous_tier.value,
        previous_level=acted.previous_level.value,
        previous_score=acted.previous_score,
        ip_state_cleared=acted.ip_state_cleared,
        cee_state_cleared=acted.cee_state_cleared,
        ended=acted.ended,
    )


def task_done(acted: SessionActed) -> TaskDone:
    """What the beginning of a task did."""
    return TaskDone(
        key=acted.key,
        previous_task_id=acted.previous_task_id,
        current_task_id=acted.current_task_id,
        current_task_label=acted.current_task_label or UNSET,
        taint_cleared=acted.taint_cleared,
        runtime_overrides_cleared=acted.runtime_overrides_cleared,
    )


def adaptive_status(details: Sequence[SessionDetail], lockdown_seconds: float, *, listed: bool) -> AdaptiveStatus:
    """All sessions in numbers; with `listed`, also those above normal or in the airlock."""
    sessions = [detail.session for detail in details]
    levels = Counter(session.level for session in sessions)
    tiers = Counter(session.tier for session in sessions)
    highest = max((session.level for session in sessions), key=lambda level: level.rank, default=Level.NORMAL)
    signals = Counter(note.type or note.kind for detail in details for note in detail.notes if note.kind == _SIGNAL)
    noted = [one for one in sessions if one.level is not Level.NORMAL or one.tier is not Tier.NONE]
    return AdaptiveStatus(
        active_sessions=len(sessions),
        max_escalation_level=highest.value,
        max_escalation_level_int=highest.rank,
        sessions_by_level={level.value: levels[level] for level in Level},
        airlock_tiers={tier.value: tiers[tier] for tier in Tier},
        recent_signal_counts=dict(sorted(signals.items())),
        top_anomalies=tuple(Name(name, number) for name, number in signals.most_common(_TOP)),
        lockdown_ttl_seconds=int(lockdown_seconds),
        sessions=tuple(map(snapshot, noted)) if listed and noted else UNSET,
    )


def own_session(sessions: Sequence[Session], agent: str, client: str) -> Session | None:
    """The session of an agent at an address: by its key, else the one heard of last, for most keys name a process."""
    key = session_key(agent, client)
    named = (one for one in sessions if agent and (one.agent, one.client) == (agent, client))
    return next((one for one in sessions if one.key == key), next(named, None))


def whoami(client: str, agent: str, session: Session | None, lockdown_seconds: float) -> Whoami:
    """What is known of whoever asks, and of its `session` if it has one."""
    key = session.key if session is not None else session_key(agent, client)
    known = (
        session
        if session is not None
        else Session(key=key, agent=agent, client=client, started_at=0.0, last_seen_at=0.0)
    )
    return Whoami(
        client_ip=client,
        agent=agent or UNSET,
        session_key=key,
        exists=session is not None,
        classification="invocation" if is_invocation(key) else "identity",
        escalation_level=known.level.value,
        escalation_level_int=known.level.rank,
        threat_score=known.score,
        block_all=known.block_all,
        airlock_tier=known.tier.value,
        lockdown_ttl_seconds=int(lockdown_seconds),
    )
