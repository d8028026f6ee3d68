"""Turns for those who have much to do on the reactor's thread: one in each turn of the reactor, in order of asking.

If each of a hundred of them came back in every turn of the reactor, as `callLater(0, …)` does it, everybody else would
wait for a hundred pieces of work before each step of a request: a connection, its lookup, its answer.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelock.door.edges import Call, Clock

__all__ = ["Turn", "Turns"]


class Turn:
    """A place in the queue."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def active(self) -> bool:
        """Whether it is still to come."""
        return self in self._turns.waiting

    def cancel(self) -> None:
        """Have it not come."""
        self._turns.give_up(self)


class Turns:
    """The queue. It holds one place for each who asked, so it is as long as there are streams.

    Attributes:
        waiting: Who is to be called, in order.
    """

    def __init__(self, clock: Clock) -> None:
        self.waiting: dict[Turn, Callable[[], None]] = {}
        self._clock = clock
        self._call: Call | None = None

    def ask(self, call: Callable[[], None]) -> Turn:
        """Have `call` called when all those have been who asked before, and not before this turn has ended."""
        turn = Turn(self)
        self.waiting[turn] = call
        self._go_on()
        return turn

    def give_up(self, turn: Turn) -> None:
        """`turn` is not wanted any more."""
        self.waiting.pop(turn, None)
        call = self._call
        if call is not None and not self.waiting and call.active():
            call.cancel()
            self._call = None

    def _go_on(self) -> None:
        if self._call is None and self.waiting:
            self._call = self._clock.callLater(0, self._next)

    def _next(self) -> None:
        self._call = None
        try:
            if self.waiting:
                self.waiting.pop(next(iter(self.waiting)))()
        finally:
            self._go_on()
