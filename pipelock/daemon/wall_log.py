"""What the walls of one launched agent refused: all of it counted, the newest kinds kept, a bounded number told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from pipelock.door.edges import Clock
from pipelock.model import Denial, NotedDenial

__all__ = ["DENIALS_A_SECOND", "MAX_DENIALS", "WallLog"]

MAX_DENIALS = 50
"""Kinds of refusals that are kept."""
DENIALS_A_SECOND = 20
"""Refusals that are told; what is more is counted, and told together when the second is over."""
_MAX_TEXT = 300
_MAX_COUNT = 1_000_000_000


class WallLog:
    """Refusals of one agent.

    Args:
        clock: What seconds are measured by.
        wall: Seconds since the epoch.
        tell: Is told of one, and of how many before it that were only counted.

    Attributes:
        count: All there were.
        kinds: The newest kinds, oldest first; what is of one kind is counted there.
    """

    def __init__(self, clock: Clock, wall: Callable[[], float], tell: Callable[[Denial, int], None]) -> None:
        self._clock = clock
        self._wall = wall
        self._tell = tell
        self.count = 0
        self.kinds: deque[NotedDenial] = deque(maxlen=MAX_DENIALS)
        self._told_from = float("-inf")
        self._told = 0
        self._untold = 0
        self._last_untold: Denial | None = None

    def take(self, denial: Denial) -> bool:
        """One more; whether it was told, and not only counted. Texts are cut to 300 characters."""
        denial = _clipped(denial)
        self.count += denial.count
        self._note(denial)
        now = self._clock.seconds()
        if now - self._told_from >= 1:
            self.tell_rest()
            self._told_from, self._told = now, 0
        if self._told >= DENIALS_A_SECOND:
            self._untold += denial.count
            self._last_untold = denial
            return False
        self._told += 1
        self._tell(denial, 0)
        return True

    def sweep(self) -> None:
        """Tell what was only counted, if the second is over."""
        if self._clock.seconds() - self._told_from >= 1:
            self.tell_rest()

    def tell_rest(self) -> None:
        """Tell what was only counted: the last of it, and how many were before."""
        denial, self._last_untold = self._last_untold, None
        if denial is not None:
            untold, self._untold = self._untold, 0
            self._tell(denial, untold - denial.count)

    def _note(self, denial: Denial) -> None:
        kind = (denial.wall, denial.what, denial.program)
        for place, noted in enumerate(self.kinds):
            before = noted.denial
            if (before.wall, before.what, before.program) == kind:
                del self.kinds[place]
                denial = msgspec.structs.replace(denial, count=before.count + denial.count)
                break
        self.kinds.append(NotedDenial(self._wall(), denial))


def _clipped(denial: Denial) -> Denial:
    return Denial(
        wall=denial.wall,
        what=denial.what[:_MAX_TEXT],
        why=denial.why[:_MAX_TEXT],
        fix=denial.fix[:_MAX_TEXT],
        program=denial.program[:_MAX_TEXT],
        count=min(max(denial.count, 1), _MAX_COUNT),
    )
