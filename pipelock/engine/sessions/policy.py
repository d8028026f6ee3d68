"""What a config says about sessions, compiled. A section that is off is `None`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pipelock.detect.hosts import HostSet
from pipelock.model import Level, Severity, Tier

__all__ = [
    "DEFAULT_PROFILE",
    "Adaptive",
    "AirlockSettings",
    "Budget",
    "LevelRule",
    "Profiling",
    "SessionPolicy",
]

DEFAULT_PROFILE = "_default"
"""The profile whose budget holds for whoever has none of his own."""


class Profiling(msgspec.Struct, frozen=True, kw_only=True):
    """Section `session_profiling`. `window` in seconds.

    Attributes:
        blocks: Once a burst has begun, requests to still more new domains are refused until the window has passed.
        burst: New domains within `window` that are still usual; one more is a burst.
    """

    blocks: bool = False
    burst: int = 5
    window: float = 300.0


class LevelRule(msgspec.Struct, frozen=True):
    """What one level makes stricter."""

    blocks_warn: bool = False
    blocks_ask: bool = False
    block_all: bool = False


class Adaptive(msgspec.Struct, frozen=True, kw_only=True):
    """Section `adaptive_enforcement`.

    Attributes:
        threshold: Points at which the first level is reached; it doubles with each level.
        decay: Points that a clean request takes off.
        downweight: Near misses of package managers and the like count half.
        rules: By the rank of the level, none for the first.
        exempt: Hosts that this section does not look at.
    """

    threshold: float = 5.0
    decay: float = 0.5
    downweight: bool = True
    rules: tuple[LevelRule, LevelRule, LevelRule, LevelRule] = (
        LevelRule(),
        LevelRule(blocks_warn=True),
        LevelRule(blocks_warn=True, blocks_ask=True),
        LevelRule(blocks_warn=True, blocks_ask=True, block_all=True),
    )
    exempt: HostSet = msgspec.field(default_factory=HostSet)

    def rule(self, level: Level) -> LevelRule:
        """What holds at `level`."""
        return self.rules[level.rank]


class AirlockSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Section `airlock`. Times in seconds; 0: for as long as nobody changes it (`drain_timeout`: nothing is ended).

    Attributes:
        on_level: The tier that each level brings, by its rank.
        on_severity: A refused finding of this severity, or a worse one, brings tier hard; `None` for none.
        anomaly_count: So many anomalies within `anomaly_window` bring tier hard; 0 for no number.
    """

    on_level: tuple[Tier, Tier, Tier, Tier] = (Tier.NONE, Tier.NONE, Tier.SOFT, Tier.HARD)
    on_severity: Severity | None = None
    anomaly_count: int = 0
    anomaly_window: float = 300.0
    soft: float = 600.0
    hard: float = 300.0
    drain: float = 120.0
    drain_timeout: float = 30.0

    def lasts(self, tier: Tier) -> float:
        """How long `tier` holds before the next milder one; `inf` where it does not end by itself."""
        match tier:
            case Tier.SOFT:
                return self.soft or float("inf")
            case Tier.HARD:
                return self.hard or float("inf")
            case Tier.DRAIN:
                return min(self.drain or float("inf"), self.drain_timeout or float("inf"))
            case Tier.NONE:
                return float("inf")


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What one session may use up; 0 is no limit. Times in seconds; `window` 0: it never begins anew."""

    requests: int = 0
    bytes: int = 0
    domains: int = 0
    wall_clock: float = 0.0
    window: float = 0.0

    @property
    def limits(self) -> bool:
        """Whether there is a limit at all."""
        return bool(self.requests or self.bytes or self.domains or self.wall_clock)


class SessionPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        max_sessions: Rows that are listed.
        ttl: Seconds after which a session that was not heard of is forgotten.
        cleanup: Seconds between looks for those.
        budgets: By the name of a profile.
    """

    max_sessions: int = 1000
    ttl: float = 1800.0
    cleanup: float = 60.0
    profiling: Profiling | None = None
    adaptive: Adaptive | None = None
    airlock: AirlockSettings | None = None
    budgets: Mapping[str, Budget] = {}

    def budget(self, profile: str) -> Budget | None:
        """What a session of this profile may use up; `None` where nothing limits it."""
        budget = self.budgets.get(profile) or self.budgets.get(DEFAULT_PROFILE)
        return budget if budget is not None and budget.limits else None
