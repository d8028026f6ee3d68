"""Something that waits for a person."""

from __future__ import annotations

import msgspec

from pipelock.model._action import ActionSummary
from pipelock.model._finding import Finding

__all__ = ["Pending"]


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A held action as the operator sees it.

    Attributes:
        id: Short decimal number, unique for the life of the daemon.
        group: Twins (same session and exact payload) share it; answering one answers all.
        action: What would be sent, or let in, masked.
        reason: Why a person is asked.
        rule: The egress rule that asks, if one does.
        findings: What was noticed.
        held_at: Seconds since the epoch.
        expires_at: Seconds since the epoch; after it the answer is a denial, once.
        twins: How many identical actions wait, this one included.
        binding: Digest of exactly what an approval covers.
    """

    id: str
    group: str
    action: ActionSummary
    reason: str
    held_at: float
    expires_at: float
    rule: str = ""
    findings: tuple[Finding, ...] = ()
    twins: int = 1
    binding: str = ""
