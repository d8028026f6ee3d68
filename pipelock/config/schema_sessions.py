"""Sections that judge a session over time: `cross_request_detection`, and others that load switched off."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipelock.config.kinds import (
    BlockOrWarn,
    FilePath,
    Hosts,
    Natural,
    Positive,
    Switch,
    Texts,
    UnsupportedSwitch,
)

__all__ = [
    "AdaptiveEnforcement",
    "AdaptiveLevel",
    "AdaptiveLevels",
    "Airlock",
    "AirlockTimers",
    "AirlockTriggers",
    "BehavioralBaseline",
    "CrossRequestDetection",
    "EntropyBudget",
    "FragmentReassembly",
    "SessionProfiling",
    "ToolFreeze",
]

_Tier = Literal["none", "soft", "hard", "drain"]
_Window = Annotated[int, Meta(ge=1, le=1440)]
_Lasting = Annotated[int, Meta(ge=0, le=10_080)]


class SessionProfiling(msgspec.Struct, frozen=True, kw_only=True):
    """What is unusual within a session. `volume_spike_ratio` is the original's and has no effect there nor here."""

    enabled: Switch = False
    anomaly_action: BlockOrWarn = "warn"
    domain_burst: Annotated[int, Meta(ge=1, le=1000)] = 5
    window_minutes: _Window = 5
    volume_spike_ratio: Positive = 3.0
    max_sessions: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    session_ttl_minutes: Annotated[int, Meta(ge=1, le=10_080)] = 30
    cleanup_interval_seconds: Annotated[int, Meta(ge=1, le=3600)] = 60


class AdaptiveLevel(msgspec.Struct, frozen=True, kw_only=True):
    """What a level of suspicion makes of softer verdicts; null takes the level's default."""

    upgrade_warn: Literal["", "block"] | None = None
    upgrade_ask: Literal["", "block"] | None = None
    block_all: bool | None = None


class AdaptiveLevels(msgspec.Struct, frozen=True, kw_only=True):
    """The three levels."""

    elevated: AdaptiveLevel = AdaptiveLevel()
    high: AdaptiveLevel = AdaptiveLevel()
    critical: AdaptiveLevel = AdaptiveLevel()


class AdaptiveEnforcement(msgspec.Struct, frozen=True, kw_only=True):
    """Suspicion that grows with findings."""

    enabled: Switch = False
    escalation_threshold: Annotated[float, Meta(gt=0, le=1000)] = 5.0
    decay_per_clean_request: Annotated[float, Meta(gt=0, le=1000)] = 0.5
    cooperative_tool_downweight: bool = True
    levels: AdaptiveLevels = AdaptiveLevels()
    exempt_domains: Hosts = ()


class AirlockTriggers(msgspec.Struct, frozen=True, kw_only=True):
    """When a session is closed in, and how tightly."""

    on_elevated: _Tier = "none"
    on_high: _Tier = "soft"
    on_critical: _Tier = "hard"
    on_severity: Literal["", "critical", "high"] = ""
    anomaly_count: Annotated[int, Meta(ge=0, le=1000)] = 0
    anomaly_window_minutes: _Window = 5


class AirlockTimers(msgspec.Struct, frozen=True, kw_only=True):
    """How long each tier lasts; 0: until somebody changes it (`drain_timeout_seconds`: nothing is ended)."""

    soft_minutes: _Lasting = 10
    hard_minutes: _Lasting = 5
    drain_minutes: _Lasting = 2
    drain_timeout_seconds: Annotated[int, Meta(ge=0, le=3600)] = 30


class ToolFreeze(msgspec.Struct, frozen=True, kw_only=True):
    """Tools within an airlock. No effect: calls of tools are not judged yet."""

    snapshot_on_entry: bool = True
    allow_cached_tools: bool = True


class Airlock(msgspec.Struct, frozen=True, kw_only=True):
    """Closing a session in."""

    enabled: Switch = False
    triggers: AirlockTriggers = AirlockTriggers()
    timers: AirlockTimers = AirlockTimers()
    tool_freeze: ToolFreeze = ToolFreeze()


class BehavioralBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent usually does."""

    enabled: UnsupportedSwitch = False
    learning_window: Natural = 10
    deviation_action: Literal["warn", "ask", "block"] = "warn"
    profile_dir: FilePath = ""
    auto_ratify: bool = False
    sensitivity_sigma: Positive = 2.0
    lock_dimensions: Texts = ()
    poison_resistance: bool = True
    seasonality_mode: Literal["none", "labeled", "time"] = "none"


class EntropyBudget(msgspec.Struct, frozen=True, kw_only=True):
    """Bits that may leave within a window, over one session. Works only inside `cross_request_detection`."""

    enabled: Switch = False
    bits_per_window: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 4096
    window_minutes: Annotated[int, Meta(ge=1, le=1440)] = 5
    action: BlockOrWarn = "warn"
    exempt_domains: Hosts = ()


class FragmentReassembly(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets sent in pieces. Works only inside `cross_request_detection`."""

    enabled: Switch = False
    max_buffer_bytes: Annotated[int, Meta(ge=1024, le=1_048_576)] = 65_536
    window_minutes: Annotated[int, Meta(ge=1, le=1440)] = 5


class CrossRequestDetection(msgspec.Struct, frozen=True, kw_only=True):
    """What several requests of one session say together."""

    enabled: Switch = False
    action: BlockOrWarn = "block"
    entropy_budget: EntropyBudget = EntropyBudget()
    fragment_reassembly: FragmentReassembly = FragmentReassembly()
