"""A session as it is shown."""

from __future__ import annotations

from pipelock.engine.sessions.account import FOREVER, Account
from pipelock.engine.sessions.budgets import shown as budgets_shown
from pipelock.engine.sessions.levels import next_threshold, recovers_at
from pipelock.engine.sessions.policy import SessionPolicy
from pipelock.engine.sessions.rows import Row
from pipelock.engine.sessions.taints import Taints
from pipelock.engine.sessions.words import what_next, why
from pipelock.model import Evidence, Level, Session, SessionDetail, Tier

__all__ = ["detail_of", "session_of"]


def session_of(
    row: Row, account: Account, settings: SessionPolicy, taints: Taints, *, now: float, ahead: float, in_flight: int
) -> Session:
    """The session of `row`; `ahead` is how far the wall clock is ahead of the monotonic one, both in seconds."""
    identity = row.identity
    adaptive = settings.adaptive
    raised = account.level is not Level.NORMAL
    closed_in = account.tier is not Tier.NONE
    profile = identity.profile if identity is not None else ""
    budget = settings.budget(profile) if settings.budgets else None
    task_id, task = taints.task(account.key)
    return Session(
        key=row.key,
        agent=row.agent,
        client=row.client,
        started_at=row.started_at,
        last_seen_at=row.last_seen_at,
        requests=row.requests,
        blocked=row.blocked,
        bytes=row.bytes,
        domains=len(row.domains),
        evidence=identity.evidence if identity is not None else Evidence.NONE,
        profile=profile,
        processes=identity.processes if identity is not None else (),
        level=account.level,
        score=round(account.score, 3),
        threshold=next_threshold(account.level, adaptive) if adaptive is not None else 0.0,
        block_all=adaptive is not None and adaptive.rule(account.level).block_all,
        level_since=account.level_since + ahead if raised else 0.0,
        recovers_at=recovers_at(account) + ahead if raised else 0.0,
        tier=account.tier,
        tier_since=account.tier_since + ahead if closed_in else 0.0,
        tier_until=account.tier_until + ahead if closed_in and account.tier_until < FOREVER else 0.0,
        tier_why=account.tier_why,
        taint=taints.level(account.key),
        lamps=taints.lamps(account.key),
        task=task,
        task_id=task_id,
        trusted_until=taints.trusted_until(account.key),
        budgets=budgets_shown(account.use, budget, now) if budget is not None else (),
        in_flight=in_flight,
        ended=row.ended,
    )


def detail_of(session: Session, account: Account, sources: tuple[str, ...], wall: float) -> SessionDetail:
    """The session with its reasons."""
    notes = tuple(account.notes)
    return SessionDetail(session, notes, why(session, notes), what_next(session, wall), sources)
