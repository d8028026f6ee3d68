"""A clock that stands still."""

from __future__ import annotations

from datetime import UTC, tzinfo

from pipelock_tui.ports import Clock

__all__ = ["NOON", "StillClock"]

NOON = 1_790_000_000.0
"""The wall-clock time of all tests: 2026-09-21 14:13:20 UTC."""


class StillClock(Clock):
    """Moves when told to."""

    zone: tzinfo | None = UTC

    def __init__(self) -> None:
        self.now = NOON

    def wall(self) -> float:
        """The time it was set to."""
        return self.now

    def monotonic(self) -> float:
        """Moves with the wall clock."""
        return self.now - NOON + 1000.0

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
