"""Rules between the keys of section `taint`, for `validate`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipelock.config.rules import parse_expiry
from pipelock.config.schema import Config

__all__ = ["taint_contradictions", "taint_warnings"]


def taint_contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """Pairs of key and message."""
    for index, override in enumerate(config.taint.trust_overrides):
        wanted = f"{override.scope}_match"
        if not getattr(override, wanted):
            yield f"taint.trust_overrides[{index}].{wanted}", f"required with scope: {override.scope}"


def taint_warnings(config: Config, written: Mapping[str, object], now: float) -> Iterator[str]:
    """What is allowed and probably not meant at `now` (seconds since the epoch)."""
    if "taint" in written and "taint.enabled" not in written and "taint.trifecta" not in written:
        # The original switches this section on by itself.
        yield "taint: off unless `enabled: true` is written in it, so what it says has no effect"
    for index, override in enumerate(config.taint.trust_overrides):
        if parse_expiry(override.expires_at) <= now:
            yield (
                f"taint.trust_overrides[{index}]: expired on {override.expires_at} and no longer holds; remove it, or "
                "give it a later date"
            )
