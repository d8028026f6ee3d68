"""How long and how many may wait, and what comes of it."""

from __future__ import annotations

import msgspec

from pipelock.model import Answer, Grant, Outcome

__all__ = ["Answered", "ApprovalLimits", "ApprovalRefused", "BadAnswerError", "Settled", "StaleAnswerError"]


class ApprovalLimits(msgspec.Struct, frozen=True):
    """Section `approvals`, and how long a response waits. A timeout of 0 waits as long as the client does."""

    timeout_seconds: float = 60.0
    response_timeout_seconds: float = 30.0
    hold_unattended: bool = False
    max_pending: int = 200
    max_pending_per_session: int = 50


class StaleAnswerError(Exception):
    """The item is gone, or what waits under its id is not what the person saw."""


class BadAnswerError(Exception):
    """The answer was not among those offered, or can't be kept; nothing was settled. The text says why."""


class ApprovalRefused(msgspec.Struct, frozen=True):
    """`hold` did not hold."""

    outcome: Outcome
    reason: str


class Settled(msgspec.Struct, frozen=True):
    """A held action that ended. `token` is what `hold` was given; `grant` the id of the answer that holds on."""

    token: object
    outcome: Outcome
    answer: Answer | None = None
    grant: str = ""


class Answered(msgspec.Struct, frozen=True):
    """What an answer settled.

    Attributes:
        groups: Pending ids with what settled under each, the one that was shown first.
        grant: The answer that holds on, if its lifetime is more than this once.
    """

    groups: tuple[tuple[str, tuple[Settled, ...]], ...]
    grant: Grant | None = None

    @property
    def count(self) -> int:
        """How many held actions it settled."""
        return sum(len(settled) for _, settled in self.groups)
