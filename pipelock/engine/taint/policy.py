"""Section `taint`, compiled."""

from __future__ import annotations

import msgspec

from pipelock.engine.taint.hosts import Standings
from pipelock.engine.taint.matrix import Profile
from pipelock.engine.taint.overrides import Override
from pipelock.model import Verdict

__all__ = ["TaintPolicy"]


class TaintPolicy(msgspec.Struct, frozen=True):
    """What taint goes by. Levels and lamps are kept in any case; `enabled` and `trifecta` are what acts on them.

    Attributes:
        enabled: The matrix holds.
        profile: Which column of it.
        standings: What the operator's lists make of hosts.
        protected: Globs of delicate paths.
        elevated: Globs of somewhat delicate paths.
        shown_sources: How many recent sources are shown.
        overrides: Exceptions from the config.
        trifecta: What is done with data for a host in no list once the other two lamps are lit: `ALLOW` (nothing),
            `ASK` or `BLOCK`.
    """

    enabled: bool = False
    profile: Profile = Profile.BALANCED
    standings: Standings = msgspec.field(default_factory=Standings)
    protected: tuple[str, ...] = ()
    elevated: tuple[str, ...] = ()
    shown_sources: int = 10
    overrides: tuple[Override, ...] = ()
    trifecta: Verdict = Verdict.ALLOW

    @property
    def acts(self) -> bool:
        """Whether it can make a verdict stricter."""
        return self.enabled or self.trifecta is not Verdict.ALLOW
