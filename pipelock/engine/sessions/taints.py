"""What sessions ask of the part that remembers what they have read."""

from __future__ import annotations

from typing import Protocol

from pipelock.model import Lamps, TaintLevel

__all__ = ["NoTaints", "Taints"]


class Taints(Protocol):
    """Taint by account (`account_of`). Times are seconds since the epoch."""

    def level(self, key: str) -> TaintLevel:
        """The worst that was read."""

    def lamps(self, key: str) -> Lamps:
        """The three lights."""

    def sources(self, key: str) -> tuple[str, ...]:
        """Where the taint comes from, the newest first; safe to show."""

    def task(self, key: str) -> tuple[str, str]:
        """Id and label of the present task; both empty where none was begun."""

    def trusted_until(self, key: str) -> float:
        """When the last runtime override ends; 0 where there is none."""

    def begin_task(self, key: str, label: str, by: str, wall: float) -> int:
        """A new task: forget taint and runtime overrides; how many of these there were."""

    def trust(
        self, key: str, *, source_match: str, action_match: str, expires_at: float, by: str, reason: str, wall: float
    ) -> None:
        """Add a runtime override for the present task.

        Raises:
            ValueError: with a sentence on what is wrong with it.
        """


class NoTaints:
    """Stands for it where taint is not followed."""

    def level(self, key: str) -> TaintLevel:
        """Nothing was read."""
        return TaintLevel.TRUSTED

    def lamps(self, key: str) -> Lamps:
        """All dark."""
        return Lamps()

    def sources(self, key: str) -> tuple[str, ...]:
        """None."""
        return ()

    def task(self, key: str) -> tuple[str, str]:
        """None."""
        return "", ""

    def trusted_until(self, key: str) -> float:
        """Never."""
        return 0.0

    def begin_task(self, key: str, label: str, by: str, wall: float) -> int:
        """There is nothing to forget."""
        return 0

    def trust(
        self, key: str, *, source_match: str, action_match: str, expires_at: float, by: str, reason: str, wall: float
    ) -> None:
        """Raise ValueError."""
        raise ValueError("taint is not followed here, so there is nothing to trust")
