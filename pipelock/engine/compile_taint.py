"""Section `taint` becomes a `TaintPolicy`."""

from __future__ import annotations

from pipelock.config import Config
from pipelock.config.rules import parse_expiry
from pipelock.engine.taint import Override, Profile, Standings, TaintPolicy
from pipelock.model import Verdict

__all__ = ["taint_of"]

_TRIFECTA = {"off": Verdict.ALLOW, "ask": Verdict.ASK, "block": Verdict.BLOCK}


def taint_of(config: Config) -> TaintPolicy:
    """What the section says; lists of hosts are compiled also where it is off, for the lamps."""
    section = config.taint
    return TaintPolicy(
        enabled=section.enabled,
        profile=Profile(section.policy),
        standings=Standings(
            internal=config.trusted_domains,
            models=section.model_domains,
            references=section.allowlisted_domains,
            listed=config.api_allowlist,
        ),
        protected=section.protected_paths,
        elevated=section.elevated_paths,
        shown_sources=section.recent_sources,
        overrides=tuple(
            Override(
                source=one.source_match,
                action=one.action_match,
                expires=parse_expiry(one.expires_at),
                by=one.granted_by or "config",
                reason=one.reason,
            )
            for one in section.trust_overrides
        ),
        trifecta=_TRIFECTA.get(section.trifecta, Verdict.BLOCK),
    )
