"""Levels: points up, time down.

    normal ──▶ elevated ──▶ high ──▶ critical        score reaches the threshold: one step a signal
           ◀──          ◀──      ◀──                 five minutes without a refused threat: one step

The threshold is the config's and doubles with each level (5, 10, 20). Points stay when a level is reached. On the way
down the score becomes half of the threshold that is then the next. Clean requests take points off, never a level, and
in a minute no more than the first threshold: a flood of them washes nothing away.
"""

from __future__ import annotations

from pipelock.engine.sessions.account import Account
from pipelock.engine.sessions.policy import Adaptive
from pipelock.model import Level

__all__ = ["LEVEL_SECONDS", "PROVOCATION", "next_threshold", "raise_score", "recover", "recovers_at", "wash"]

LEVEL_SECONDS = 300.0
PROVOCATION = 3.0
"""A signal of so many points begins the five minutes anew."""
_WASH_SECONDS = 60.0
_LEVELS = tuple(Level)


def next_threshold(level: Level, settings: Adaptive) -> float:
    """Where the level after `level` begins; 0 at the last."""
    return 0.0 if level is Level.CRITICAL else settings.threshold * 2.0**level.rank


def raise_score(account: Account, points: float, settings: Adaptive, now: float) -> bool:
    """Count `points`; whether the level rose. The score ends at twice what the last level takes."""
    account.score = min(account.score + points, settings.threshold * 8.0)
    if points >= PROVOCATION:
        account.provoked_at = now
    if account.level is Level.CRITICAL or account.score < next_threshold(account.level, settings):
        return False
    account.level = _LEVELS[account.level.rank + 1]
    account.level_since = now
    return True


def wash(account: Account, settings: Adaptive, now: float) -> None:
    """A clean request."""
    if account.score <= 0.0:
        return
    if now - account.washed_since >= _WASH_SECONDS:
        account.washed_since, account.washed = now, 0.0
    points = min(settings.decay, account.score, settings.threshold - account.washed)
    if points > 0.0:
        account.washed += points
        account.score -= points


def recovers_at(account: Account) -> float:
    """When the level drops by one; `inf` where there is none to drop."""
    if account.level is Level.NORMAL:
        return float("inf")
    return max(account.level_since, account.provoked_at) + LEVEL_SECONDS


def recover(account: Account, settings: Adaptive, now: float) -> bool:
    """Drop as many levels as time has passed for; whether any was."""
    before = account.level
    while now >= (at := recovers_at(account)):
        account.level = _LEVELS[account.level.rank - 1]
        account.level_since = at
        account.score = next_threshold(account.level, settings) / 2.0
    return account.level is not before
