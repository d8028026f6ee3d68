"""What several requests of one session say together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipelock.detect.hosts import HostSet
from pipelock.model import Action, Finding

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["CrossRequest", "CrossRequestSettings"]


class CrossRequestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `cross_request_detection`, with times in seconds."""

    warns: bool = False
    buffer_bytes: int = 65_536
    window: float = 300.0
    budget_bits: float = 0.0
    budget_window: float = 300.0
    budget_warns: bool = True
    budget_exempt: HostSet = msgspec.field(default_factory=HostSet)


class CrossRequest:
    """A tracker (`pipelock.engine.trackers`)."""

    def judge(self, action: Action, policy: Policy, now: float, *, again: bool) -> tuple[Finding, ...]:
        """Nothing yet."""
        return ()
