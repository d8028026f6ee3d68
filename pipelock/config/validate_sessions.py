"""Rules between the keys of `session_profiling`, `adaptive_enforcement` and `airlock`, for `validate`."""

from __future__ import annotations

from collections.abc import Iterator

from pipelock.config.schema import Config
from pipelock.config.session_levels import LEVEL_NAMES, level_settings

__all__ = ["TIERS", "session_contradictions", "session_warnings"]

TIERS = ("none", "soft", "hard", "drain")
"""The airlock's tiers from weak to strong."""


def session_contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Pairs of key and message."""
    for name in ("adaptive_enforcement", "airlock"):
        if getattr(config, name).enabled and not config.session_profiling.enabled:
            yield f"{name}.enabled", "needs session_profiling.enabled: true, which keeps the sessions' scores"
    if config.adaptive_enforcement.enabled:
        rules = level_settings(config.adaptive_enforcement.levels)
        for number in (1, 2):
            for key in rules[number].lacks(rules[number - 1]):
                name, milder = LEVEL_NAMES[number], LEVEL_NAMES[number - 1]
                yield f"adaptive_enforcement.levels.{name}.{key}", f"must not be weaker than at level {milder}"
    if config.airlock.enabled:
        triggers = config.airlock.triggers
        wanted = [TIERS.index(getattr(triggers, f"on_{name}")) for name in LEVEL_NAMES]
        for number in (1, 2):
            if wanted[number] < wanted[number - 1]:
                name, milder = LEVEL_NAMES[number], LEVEL_NAMES[number - 1]
                yield f"airlock.triggers.on_{name}", f"must not be a milder tier than on_{milder}"


def session_warnings(config: Config) -> Iterator[str]:
    """What is allowed and probably not meant."""
    if config.airlock.enabled:
        triggers = config.airlock.triggers
        by_level = any(getattr(triggers, f"on_{name}") != "none" for name in LEVEL_NAMES)
        if not triggers.on_severity and not triggers.anomaly_count:
            if not by_level:
                yield "airlock.triggers: none is set, so only a person closes a session in"
            elif not config.adaptive_enforcement.enabled:
                yield "airlock.triggers: adaptive_enforcement is off, so that no level is ever reached"
    if config.adaptive_enforcement.exempt_domains and not config.adaptive_enforcement.enabled:
        yield "adaptive_enforcement.exempt_domains: has no effect while adaptive_enforcement is off"
