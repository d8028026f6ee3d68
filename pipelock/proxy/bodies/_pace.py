"""When a body that comes slowly is looked at before there is a window of it."""

from __future__ import annotations

from collections.abc import Callable

from pipelock.door.edges import Call, Clock

__all__ = ["LONGEST", "Pace"]

LONGEST = 10
"""News that come all the time delay it ten times as long as silence does."""


class Pace:
    """Calls `due` when there was no news for `after` seconds, or none that long ago; never where that is `None`."""

    def __init__(self, clock: Clock, after: float | None, due: Callable[[], None]) -> None:
        self._clock = clock
        self._after = after
        self._due = due
        self._call: Call | None = None
        self._first = 0.0
        self._last = 0.0

    def news(self) -> None:
        """Something came that waits now."""
        if self._after is None:
            return
        self._last = self._clock.seconds()
        if self._call is None:
            self._first = self._last
            self._call = self._clock.callLater(self._after, self._look)

    def stop(self) -> None:
        """Nothing waits any more, or somebody looks at it."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _look(self) -> None:
        self._call = None
        if self._after is None:
            return
        now = self._clock.seconds()
        left = min(self._last + self._after, self._first + self._after * LONGEST) - now
        if left > self._after / 100:
            self._call = self._clock.callLater(left, self._look)
        else:
            self._due()
