"""What happened to sessions, for those who record and count it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Change", "What"]


class What(StrEnum):
    """What happened."""

    ESCALATION = "escalation"
    RECOVERY = "recovery"
    AIRLOCK = "airlock"
    """The tier rose, or was set by hand."""
    AIRLOCK_ENDED = "airlock_ended"
    """The tier fell by its timer."""
    DRAINED = "drained"
    """What was open in tier drain is closed; `after` says whether by itself (`completed`) or by us (`timeout`)."""
    ANOMALY = "anomaly"
    UPGRADE = "upgrade"
    """A level made a verdict stricter."""
    DENIED = "denied"
    """The airlock refused something."""
    BUDGET = "budget"
    """A budget is used up; told once until it begins anew."""
    TAINT = "taint"
    EVICTED = "evicted"
    """The list was full; `count` sessions had to go."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One happening.

    Attributes:
        session: The key of the session it happened to, as listed; empty where none is listed any more.
        detail: One sentence, safe to show.
        before: Level, tier or verdict; `after` likewise. Of an anomaly `after` is which one.
        trigger: What did it: a signal, `timer`, `operator`, the layer that a verdict came from.
        transport: Of what was refused; `action_class` likewise.
        action_id: The action that an upgrade or refusal is about.
    """

    what: What
    session: str
    agent: str = ""
    client: str = ""
    detail: str = ""
    before: str = ""
    after: str = ""
    trigger: str = ""
    level: str = ""
    score: float = 0.0
    count: int = 1
    transport: str = ""
    action_class: str = ""
    action_id: str = ""
