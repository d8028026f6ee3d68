"""For tests and demonstrations: a scripted link, a clock that stands still, and made-up things to show."""

from __future__ import annotations

from pipelock_tui.testing._clock import NOON, StillClock
from pipelock_tui.testing._link import FakeLink
from pipelock_tui.testing._oversight import (
    audit_state,
    checks,
    config_review,
    fix,
    grant_of,
    grants,
    history_page,
    rules,
    session,
    session_detail,
    sessions,
)
from pipelock_tui.testing._traffic import (
    FINDING,
    blocked,
    busy_day,
    connected,
    decided,
    event,
    held,
    offers,
    pending,
    processes,
    record,
    renamed,
    status,
    summary,
    weighed,
)

__all__ = [
    "FINDING",
    "NOON",
    "FakeLink",
    "StillClock",
    "audit_state",
    "blocked",
    "busy_day",
    "checks",
    "config_review",
    "connected",
    "decided",
    "event",
    "fix",
    "grant_of",
    "grants",
    "held",
    "history_page",
    "offers",
    "pending",
    "processes",
    "record",
    "renamed",
    "rules",
    "session",
    "session_detail",
    "sessions",
    "status",
    "summary",
    "weighed",
]
