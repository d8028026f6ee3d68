"""Comparisons of known secrets, canaries, seed phrases, wallet addresses and what spans requests, for `compare`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pipelock.config.compare_lists import added, removed
from pipelock.config.schema import Config

__all__ = ["WATCH_CEILINGS", "WATCH_PROTECTIONS", "WATCH_RANKS", "watched"]

WATCH_RANKS: Final = {
    "address_protection.action": ("warn", "block"),
    "address_protection.unknown_action": ("allow", "warn", "block"),
    "cross_request_detection.action": ("warn", "block"),
    "cross_request_detection.entropy_budget.action": ("warn", "block"),
}
WATCH_PROTECTIONS: Final = (
    "dlp.scan_files",
    "canary_tokens.enabled",
    "seed_phrase_detection.enabled",
    "address_protection.enabled",
    "address_protection.chains.eth",
    "address_protection.chains.btc",
    "address_protection.chains.bnb",
    "address_protection.chains.sol",
    "cross_request_detection.enabled",
    "cross_request_detection.entropy_budget.enabled",
    "cross_request_detection.fragment_reassembly.enabled",
)
# Longer phrases alone, more that must agree before two addresses are alike, more bits: all of it lets more through.
WATCH_CEILINGS: Final = (
    "seed_phrase_detection.min_words",
    "address_protection.similarity.prefix_length",
    "address_protection.similarity.suffix_length",
    "cross_request_detection.entropy_budget.bits_per_window",
)


def watched(old: Config, new: Config) -> Iterator[str]:
    """What is watched no longer, or let through now."""
    file = old.dlp.secrets_file
    if file and new.dlp.secrets_file != file:
        yield f"dlp.secrets_file: {file} is no longer read"
    if old.seed_phrase_detection.verify_checksum and not new.seed_phrase_detection.verify_checksum:
        yield "seed_phrase_detection.verify_checksum: switched off"
    if old.canary_tokens.enabled and new.canary_tokens.enabled:
        values = {token.value for token in new.canary_tokens.tokens}
        gone = [token.name for token in old.canary_tokens.tokens if token.value not in values]
        yield from removed("canary_tokens.tokens", gone, ())
    if old.address_protection.enabled and new.address_protection.enabled:
        before, after = old.address_protection.allowed_addresses, new.address_protection.allowed_addresses
        yield from added("address_protection.allowed_addresses", before, after)
        if before and not after:
            yield "address_protection.allowed_addresses: empty, so no address is looked at"
    if old.cross_request_detection.enabled and new.cross_request_detection.enabled:
        then, now = old.cross_request_detection, new.cross_request_detection
        key = "cross_request_detection.entropy_budget.exempt_domains"
        yield from added(key, then.entropy_budget.exempt_domains, now.entropy_budget.exempt_domains)
        for name in ("max_buffer_bytes", "window_minutes"):
            first, last = getattr(then.fragment_reassembly, name), getattr(now.fragment_reassembly, name)
            if last < first:
                yield f"cross_request_detection.fragment_reassembly.{name}: {first} became {last}"
        if now.entropy_budget.window_minutes < then.entropy_budget.window_minutes:
            yield (
                "cross_request_detection.entropy_budget.window_minutes: "
                f"{then.entropy_budget.window_minutes} became {now.entropy_budget.window_minutes}"
            )
