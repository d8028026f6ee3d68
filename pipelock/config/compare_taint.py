"""Comparisons of section `taint`, for `compare`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.config.compare_lists import added, removed
from pipelock.config.schema import Config
from pipelock.config.schema_taint import TrustOverride

__all__ = ["TAINT_PROTECTIONS", "TAINT_RANKS", "tainted"]

TAINT_RANKS: Final = {
    "taint.policy": ("permissive", "balanced", "strict"),
    "taint.trifecta": ("off", "ask", "block"),
}
TAINT_PROTECTIONS: Final = ("taint.enabled",)


def tainted(old: Config, new: Config) -> Iterator[str]:
    """What is no longer held because of what was read before."""
    if not _acts(old) or not _acts(new):
        return
    before, after = old.taint, new.taint
    yield from added("taint.allowlisted_domains", before.allowlisted_domains, after.allowlisted_domains)
    yield from added("taint.model_domains", before.model_domains, after.model_domains)
    yield from added(
        "taint.trust_overrides", [*map(_said, before.trust_overrides)], [*map(_said, after.trust_overrides)]
    )
    if "strict" not in (old.mode, new.mode):
        # In mode strict the list is compared anyway; here it says to whom data may be sent.
        yield from added("api_allowlist", old.api_allowlist, new.api_allowlist)
    if old.taint.enabled and new.taint.enabled:
        yield from removed("taint.protected_paths", before.protected_paths, after.protected_paths)
        # What is protected now was not made weaker by no longer being called elevated.
        still = (*after.elevated_paths, *after.protected_paths)
        yield from removed("taint.elevated_paths", before.elevated_paths, still)


def _acts(config: Config) -> bool:
    return config.taint.enabled or config.taint.trifecta != "off"


def _said(override: TrustOverride) -> str:
    conditions = " ".join(text for text in (override.source_match, override.action_match) if text)
    return f"{override.scope} {conditions} until {override.expires_at}"
