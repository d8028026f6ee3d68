"""Comparisons of agents' profiles and of who may decide, for `compare`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from pipelock.config.compare_lists import removed
from pipelock.config.schema import Config
from pipelock.config.schema_agents import DEFAULT_PROFILE, AgentBudget, AgentProfile

__all__ = ["AGENT_EXEMPTIONS", "AGENT_PROTECTIONS", "agents", "listeners_differ", "with_listeners_of"]

AGENT_PROTECTIONS: Final = ("identity.processes",)
AGENT_EXEMPTIONS: Final = ("approvals.trust_ides",)

_LIMITS: Final = (
    "max_requests_per_session",
    "max_bytes_per_session",
    "max_unique_domains_per_session",
    "max_wall_clock_minutes",
)


def agents(old: Config, new: Config) -> Iterator[str]:
    """Profiles by which somebody is no longer recognised, or may use more."""
    for name, before in old.agents.items():
        after = new.agents.get(name)
        if after is None:
            yield f"agents.{name}: removed"
        else:
            for key in ("source_cidrs", "programs"):
                yield from removed(f"agents.{name}.{key}", getattr(before, key), getattr(after, key))
        yield from _budget(name, before.budget, after.budget if after is not None else _fallback(new))
    for name, added in new.agents.items():
        if name not in old.agents:
            yield from _budget(name, _fallback(old), added.budget)


def _fallback(config: Config) -> AgentBudget:
    return config.agents.get(DEFAULT_PROFILE, AgentProfile()).budget


def _budget(name: str, old: AgentBudget, new: AgentBudget) -> Iterator[str]:
    place = f"agents.{name}.budget"
    for key in _LIMITS:
        before, after = getattr(old, key), getattr(new, key)
        if before and not 0 < after <= before:
            yield f"{place}.{key}: {before} became {after or 'no limit'}"
    # A window that ends sooner gives the budget anew more often; 0 never does.
    before, after = old.window_minutes, new.window_minutes
    has_limits = any(getattr(old, key) for key in _LIMITS)
    if has_limits and after and (not before or after < before):
        yield f"{place}.window_minutes: {before or 'never'} became {after}"


def listeners_differ(old: Config, new: Config) -> bool:
    """Whether other ports are bound to agents than before: a restart alone can do that."""
    return _listeners(old) != _listeners(new)


def _listeners(config: Config) -> dict[str, tuple[str, ...]]:
    return {name: profile.listeners for name, profile in config.agents.items() if profile.listeners}


def with_listeners_of(old: Config, new: Config) -> Config:
    """`new` with the ports that are bound. A profile that is gone keeps its name while its ports are there."""
    bound = _listeners(old)
    profiles = {
        name: msgspec.structs.replace(profile, listeners=bound.get(name, ())) for name, profile in new.agents.items()
    }
    left = {name: AgentProfile(listeners=ports) for name, ports in bound.items() if name not in profiles}
    return msgspec.structs.replace(new, agents={**profiles, **left})
