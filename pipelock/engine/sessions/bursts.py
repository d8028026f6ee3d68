"""Bursts: many hosts that the session has never talked to, at once."""

from __future__ import annotations

from pipelock.engine.sessions.account import Account
from pipelock.engine.sessions.policy import Profiling

__all__ = ["MAX_DOMAINS", "begins_burst", "is_stopped"]

MAX_DOMAINS = 512
"""Domains that are remembered of one account; beyond, the one seen first counts as new again."""


def begins_burst(account: Account, domain: int, settings: Profiling, now: float) -> bool:
    """Count a domain (its hash) that was let through; whether a burst begins with it. Once in a window."""
    seen = account.seen
    if domain in seen:
        return False
    seen[domain] = None
    if len(seen) > MAX_DOMAINS:
        del seen[next(iter(seen))]
    fresh = [at for at in account.fresh if now - at < settings.window]
    fresh.append(now)
    # One more than are usual is all that has to be remembered.
    account.fresh = fresh[-(settings.burst + 1) :]
    if len(account.fresh) <= settings.burst or now < account.burst_until:
        return False
    account.burst_until = now + settings.window
    return True


def is_stopped(account: Account, domain: int, settings: Profiling, now: float) -> bool:
    """Whether a request to this domain is one too many."""
    return settings.blocks and now < account.burst_until and domain not in account.seen
