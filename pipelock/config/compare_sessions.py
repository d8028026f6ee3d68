"""Comparisons of `session_profiling`, `adaptive_enforcement` and `airlock`, for `compare`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.config.compare_lists import added
from pipelock.config.schema import Config
from pipelock.config.schema_sessions import AdaptiveEnforcement, Airlock, SessionProfiling
from pipelock.config.session_levels import LEVEL_NAMES, level_settings
from pipelock.config.validate_sessions import TIERS

__all__ = ["SESSION_PROTECTIONS", "sessions"]

SESSION_PROTECTIONS: Final = ("session_profiling.enabled", "adaptive_enforcement.enabled", "airlock.enabled")

_ACTIONS: Final = ("warn", "block")
_SEVERITIES: Final = ("", "critical", "high")
_LASTING: Final = ("soft_minutes", "hard_minutes", "drain_minutes")


def sessions(old: Config, new: Config) -> Iterator[str]:
    """What is no longer noticed of sessions, or answered more mildly. Sections that are off in either say nothing."""
    if old.session_profiling.enabled and new.session_profiling.enabled:
        yield from _profiling(old.session_profiling, new.session_profiling)
    if old.adaptive_enforcement.enabled and new.adaptive_enforcement.enabled:
        yield from _adaptive(old.adaptive_enforcement, new.adaptive_enforcement)
    if old.airlock.enabled and new.airlock.enabled:
        yield from _airlock(old.airlock, new.airlock)


def _profiling(old: SessionProfiling, new: SessionProfiling) -> Iterator[str]:
    section = "session_profiling"
    yield from _milder(f"{section}.anomaly_action", _ACTIONS, old.anomaly_action, new.anomaly_action)
    yield from _higher(f"{section}.domain_burst", old.domain_burst, new.domain_burst)
    for name in ("window_minutes", "max_sessions", "session_ttl_minutes"):
        yield from _lower(f"{section}.{name}", getattr(old, name), getattr(new, name))


def _adaptive(old: AdaptiveEnforcement, new: AdaptiveEnforcement) -> Iterator[str]:
    section = "adaptive_enforcement"
    yield from _higher(f"{section}.escalation_threshold", old.escalation_threshold, new.escalation_threshold)
    yield from _higher(f"{section}.decay_per_clean_request", old.decay_per_clean_request, new.decay_per_clean_request)
    if new.cooperative_tool_downweight and not old.cooperative_tool_downweight:
        yield f"{section}.cooperative_tool_downweight: switched on"
    yield from added(f"{section}.exempt_domains", old.exempt_domains, new.exempt_domains)
    for name, before, after in zip(LEVEL_NAMES, level_settings(old.levels), level_settings(new.levels), strict=True):
        for key in ("upgrade_warn", "upgrade_ask", "block_all"):
            if getattr(before, key) and not getattr(after, key):
                yield f"{section}.levels.{name}.{key}: switched off"


def _airlock(old: Airlock, new: Airlock) -> Iterator[str]:
    section = "airlock.triggers"
    for name in LEVEL_NAMES:
        key = f"on_{name}"
        yield from _milder(f"{section}.{key}", TIERS, getattr(old.triggers, key), getattr(new.triggers, key))
    yield from _milder(f"{section}.on_severity", _SEVERITIES, old.triggers.on_severity, new.triggers.on_severity)
    before, after = old.triggers.anomaly_count, new.triggers.anomaly_count
    if before and not 0 < after <= before:
        yield f"{section}.anomaly_count: {before} became {after or 'none'}"
    if before and after:
        key = "anomaly_window_minutes"
        yield from _lower(f"{section}.{key}", old.triggers.anomaly_window_minutes, new.triggers.anomaly_window_minutes)
    for name in _LASTING:
        # 0 is for as long as nobody changes it.
        first, last = getattr(old.timers, name), getattr(new.timers, name)
        if last and (last < first or not first):
            yield f"airlock.timers.{name}: {first or 'no end'} became {last}"
    first, last = old.timers.drain_timeout_seconds, new.timers.drain_timeout_seconds
    if first and not 0 < last <= first:
        yield f"airlock.timers.drain_timeout_seconds: {first} became {last or 'no end'}"


def _milder(key: str, words: tuple[str, ...], before: str, after: str) -> Iterator[str]:
    if words.index(after) < words.index(before):
        yield f"{key}: {before} became {after or 'none'}"


def _higher(key: str, before: float, after: float) -> Iterator[str]:
    if after > before:
        yield f"{key}: {before:g} became {after:g}"


def _lower(key: str, before: float, after: float) -> Iterator[str]:
    if after < before:
        yield f"{key}: {before:g} became {after:g}"
