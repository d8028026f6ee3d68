"""Sections `session_profiling`, `adaptive_enforcement` and `airlock`, and the budgets in `agents`, compiled."""

from __future__ import annotations

from pipelock.config import Config
from pipelock.config.session_levels import LEVEL_NAMES, level_settings
from pipelock.detect.hosts import HostSet
from pipelock.engine.sessions.policy import (
    Adaptive,
    AirlockSettings,
    Budget,
    LevelRule,
    Profiling,
    SessionPolicy,
)
from pipelock.model import Severity, Tier

__all__ = ["compile_sessions"]


def compile_sessions(config: Config) -> SessionPolicy:
    """What `config` says of sessions."""
    section = config.session_profiling
    budgets = _budgets(config)
    if not section.enabled:
        return SessionPolicy(budgets=budgets)
    return SessionPolicy(
        max_sessions=section.max_sessions,
        ttl=section.session_ttl_minutes * 60.0,
        cleanup=float(section.cleanup_interval_seconds),
        profiling=Profiling(
            blocks=section.anomaly_action == "block",
            burst=section.domain_burst,
            window=section.window_minutes * 60.0,
        ),
        adaptive=_adaptive(config) if config.adaptive_enforcement.enabled else None,
        airlock=_airlock(config) if config.airlock.enabled else None,
        budgets=budgets,
    )


def _adaptive(config: Config) -> Adaptive:
    section = config.adaptive_enforcement
    elevated, high, critical = (
        LevelRule(blocks_warn=one.upgrade_warn, blocks_ask=one.upgrade_ask, block_all=one.block_all)
        for one in level_settings(section.levels)
    )
    return Adaptive(
        threshold=section.escalation_threshold,
        decay=section.decay_per_clean_request,
        downweight=section.cooperative_tool_downweight,
        rules=(LevelRule(), elevated, high, critical),
        exempt=HostSet(section.exempt_domains),
    )


def _airlock(config: Config) -> AirlockSettings:
    triggers, timers = config.airlock.triggers, config.airlock.timers
    elevated, high, critical = (Tier(getattr(triggers, f"on_{name}")) for name in LEVEL_NAMES)
    return AirlockSettings(
        on_level=(Tier.NONE, elevated, high, critical),
        on_severity=Severity(triggers.on_severity) if triggers.on_severity else None,
        anomaly_count=triggers.anomaly_count,
        anomaly_window=triggers.anomaly_window_minutes * 60.0,
        soft=timers.soft_minutes * 60.0,
        hard=timers.hard_minutes * 60.0,
        drain=timers.drain_minutes * 60.0,
        drain_timeout=float(timers.drain_timeout_seconds),
    )


def _budgets(config: Config) -> dict[str, Budget]:
    """By profile. One without any limit is there too: it is nobody else's."""
    budgets = {
        name: Budget(
            requests=profile.budget.max_requests_per_session,
            bytes=profile.budget.max_bytes_per_session,
            domains=profile.budget.max_unique_domains_per_session,
            wall_clock=profile.budget.max_wall_clock_minutes * 60.0,
            window=profile.budget.window_minutes * 60.0,
        )
        for name, profile in config.agents.items()
    }
    return budgets if any(budget.limits for budget in budgets.values()) else {}
