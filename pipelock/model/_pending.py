"""Something that waits for a person."""

from __future__ import annotations

import msgspec

from pipelock.model._action import ActionSummary
from pipelock.model._decision import TaintWeighed
from pipelock.model._finding import Finding
from pipelock.model._grant import Offer
from pipelock.model._session import Process

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
        taint: What was read before had to say to it, where it said anything.
        held_at: Seconds since the epoch.
        expires_at: Seconds since the epoch; after it the answer is a denial, once.
        twins: How many identical actions wait, this one included.
        binding: Digest of exactly what an approval covers.
        offers: The scopes that may be chosen, narrowest first; the first is what is shown, exactly.
        processes: Who asks, the client's own process first.
        paused: Somebody is looking at it, and its countdown stands still; `expires_at` moves on meanwhile.
        editable: It has a text body that may be changed before it is sent.
        redactable: It can be sent without what was found.
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
    offers: tuple[Offer, ...] = ()
    processes: tuple[Process, ...] = ()
    paused: bool = False
    editable: bool = False
    redactable: bool = False
    taint: TaintWeighed | None = None
