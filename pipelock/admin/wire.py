"""The admin API's JSON: what is sent to it, and what it answers. Pure; the command line reads the same types.

Field names and shapes are those of the original's session API; what is ours on top is marked so.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from pipelock.model import MAX_NOTE, AnswerWord, BudgetUse, Grant, Lifetime, Pending, Sandboxed, Scope, Tier

__all__ = [
    "MAX_BINDING",
    "MAX_TEXT",
    "AdaptiveStatus",
    "AirlockDone",
    "AirlockWish",
    "AnswerDone",
    "AnswerWish",
    "EventRow",
    "Explanation",
    "Flushed",
    "Inspection",
    "KillStatus",
    "KillSwitched",
    "KillWish",
    "Name",
    "PendingList",
    "Reasoned",
    "ResetDone",
    "SessionList",
    "Snapshot",
    "TaskDone",
    "TaskWish",
    "TerminateDone",
    "TrustDone",
    "TrustWish",
    "Whoami",
]

MAX_TEXT = MAX_NOTE
"""Characters of a label, reason, note or pattern."""
MAX_BINDING = 128
"""Characters of a binding."""

# -- what is sent ------------------------------------------------------------------------------------------------------


class KillWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /api/v1/killswitch`."""

    active: bool


class Reasoned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body that need not be there. `reason` is recorded (ours)."""

    reason: str = ""


class AirlockWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST …/airlock`."""

    tier: Literal["none", "normal", "soft", "hard", "drain"]
    reason: str = ""

    @property
    def wanted(self) -> Tier:
        """The tier; `normal` is another word for none."""
        return Tier.NONE if self.tier == "normal" else Tier(self.tier)


class TaskWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST …/task`."""

    label: str = ""
    reason: str = ""


class TrustWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`POST …/trust`. `expires_at` is an RFC 3339 time with its zone."""

    scope: Literal["task"] = "task"
    source_match: str = ""
    action_match: str = ""
    expires_at: dt.datetime
    granted_by: str = ""
    reason: str = ""


class AnswerWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /api/v1/pending/{id}/answer` (ours)."""

    word: AnswerWord
    scope: Scope = Scope.PAYLOAD
    lifetime: Lifetime = Lifetime.ONCE
    note: str = ""
    binding: str = ""


# -- what is answered --------------------------------------------------------------------------------------------------


class KillSwitched(msgspec.Struct, frozen=True):
    """Answer to `KillWish`. `active` is whether any source holds the switch."""

    active: bool
    source: str = "api"
    message: str | UnsetType = UNSET


class KillStatus(msgspec.Struct, frozen=True):
    """`GET /api/v1/killswitch/status`."""

    active: bool
    sources: dict[str, bool]
    message: str | UnsetType = UNSET


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A session in a list. Ours: `evidence`, `program`, `pid`, `requests`, `blocked`, `started_at`, `walls`.

    `walls` is how the walls stand that it was launched behind: up, partly or down; not there where it has none.
    """

    key: str
    agent: str
    client_ip: str
    kind: Literal["identity", "invocation"]
    current_task_id: str | UnsetType = UNSET
    current_task_label: str | UnsetType = UNSET
    threat_score: float
    escalation_level: str
    block_all: bool
    airlock_tier: str
    taint_level: str
    contaminated: bool
    last_activity: str
    evidence: str = ""
    program: str = ""
    pid: int = 0
    requests: int = 0
    blocked: int = 0
    started_at: str = ""
    walls: str | UnsetType = UNSET


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that counted."""

    at: str
    kind: str
    type: str | UnsetType = UNSET
    target: str = ""
    detail: str = ""
    severity: str = ""
    score: float = 0.0


class Inspection(Snapshot, frozen=True, kw_only=True):
    """`GET /api/v1/sessions/{key}`.

    Ours: `threshold`, `why`, `next`, `budgets`, `sources`, `bytes`, `domains`, `sandbox`.
    """

    airlock_entered_at: str | UnsetType = UNSET
    in_flight: int = 0
    escalation_level_int: int = 0
    recent_events: tuple[EventRow, ...] = ()
    threshold: float = 0.0
    why: str = ""
    next: str = ""
    budgets: tuple[BudgetUse, ...] = ()
    sources: tuple[str, ...] = ()
    bytes: int = 0
    domains: int = 0
    sandbox: Sandboxed | UnsetType = UNSET


class SessionList(msgspec.Struct, frozen=True):
    """`GET /api/v1/sessions`."""

    sessions: tuple[Snapshot, ...]
    count: int


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`GET …/explain`. Ours: `why` and `next`, a sentence each."""

    key: str
    tier: str
    reason: str
    trigger: str | UnsetType = UNSET
    trigger_source: str | UnsetType = UNSET
    entered_at: str | UnsetType = UNSET
    elapsed_in_tier_ns: int | UnsetType = UNSET
    escalation_level: str
    escalation_level_int: int
    threat_score: float
    evidence_kind: str | UnsetType = UNSET
    evidence_target: str | UnsetType = UNSET
    evidence_detail: str | UnsetType = UNSET
    evidence_at: str | UnsetType = UNSET
    next_deescalation_tier: str | UnsetType = UNSET
    next_deescalation_at: str | UnsetType = UNSET
    why: str = ""
    next: str = ""


class AirlockDone(msgspec.Struct, frozen=True):
    """Answer to `…/airlock`."""

    key: str
    previous_tier: str
    new_tier: str
    changed: bool


class ResetDone(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `…/reset`."""

    key: str
    reset: bool = True
    previous_level: str
    previous_score: float
    ip_state_cleared: bool
    cee_state_cleared: bool


class TerminateDone(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `…/terminate`. Ours: `ended`, how many connections that ended."""

    key: str
    terminated: bool = True
    previous_tier: str
    previous_level: str
    previous_score: float
    ip_state_cleared: bool
    cee_state_cleared: bool
    ended: int = 0


class TaskDone(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `…/task`."""

    key: str
    previous_task_id: str
    current_task_id: str
    current_task_label: str | UnsetType = UNSET
    taint_cleared: bool
    runtime_overrides_cleared: int


class TrustDone(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `…/trust`: what was asked, and the task it holds for."""

    key: str
    scope: str
    source_match: str
    action_match: str
    expires_at: str
    granted_by: str
    reason: str
    task_id: str


class Name(msgspec.Struct, frozen=True):
    """How often something happened."""

    name: str
    count: int


class AdaptiveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /api/v1/adaptive/status`."""

    active_sessions: int
    max_escalation_level: str
    max_escalation_level_int: int
    sessions_by_level: dict[str, int]
    airlock_tiers: dict[str, int]
    recent_signal_counts: dict[str, int]
    top_anomalies: tuple[Name, ...]
    lockdown_ttl_seconds: int
    sessions: tuple[Snapshot, ...] | UnsetType = UNSET


class Flushed(msgspec.Struct, frozen=True):
    """`POST /api/v1/adaptive/flush`."""

    flushed: int
    identity_sessions: int
    skipped_invocations: int
    ip_domain_state_cleared: bool


class Whoami(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /api/v1/adaptive/whoami`."""

    client_ip: str
    agent: str | UnsetType = UNSET
    session_key: str
    exists: bool
    classification: str
    escalation_level: str
    escalation_level_int: int
    threat_score: float
    block_all: bool
    airlock_tier: str
    lockdown_ttl_seconds: int


class PendingList(msgspec.Struct, frozen=True):
    """`GET /api/v1/pending` (ours): what waits, as the dashboard has it."""

    pending: tuple[Pending, ...]
    count: int


class AnswerDone(msgspec.Struct, frozen=True):
    """Answer to `AnswerWish` (ours): how many held requests it settled, and the grant that it left."""

    count: int
    grant: Grant | UnsetType = UNSET
