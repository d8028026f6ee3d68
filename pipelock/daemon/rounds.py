"""What the daemon does again and again, whatever went wrong the last time."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from pipelock.door.edges import Clock

__all__ = ["Rounds"]

_COMPLAINT_SECONDS = 60.0


class Rounds:
    """Calls on the reactor's thread, each at its own pace, until they are stopped.

    One that raises is called again when it is due, as if nothing had been: a loop that ends with the first fault would
    leave the kill switch's file unwatched, or connections without deadlines. The log has its fault, once a minute.
    """

    _log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._loops: list[LoopingCall] = []

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        """Have `call` called every `seconds`, for the first time when these have passed."""
        told_at = float("-inf")

        def once() -> None:
            nonlocal told_at
            try:
                call()
            except Exception:  # noqa: BLE001 - whatever it is, the next round has to come
                now = self._clock.seconds()
                if now - told_at >= _COMPLAINT_SECONDS:
                    told_at = now
                    self._log.failure("what is done every {seconds} s failed", seconds=seconds)

        loop = LoopingCall(once)
        loop.clock = self._clock  # type: ignore[assignment]  # a zope interface there
        loop.start(seconds, now=False)
        self._loops.append(loop)

    def stop(self) -> None:
        """Call nothing more."""
        for loop in self._loops:
            if loop.running:
                loop.stop()
