"""Names to addresses, off the reactor thread, with a deadline.

The system's own resolver (`pipelock.door.lookup`) is asked, in a pool of its own. Every way to
fail is an `Answers` with an error, never an exception and never silence.

Limits: 5 s a lookup, 16 lookups at once, 512 waiting; equal names in flight share one lookup; good answers are kept
for 10 s (1 000 names), so that a keep-alive client does not resolve for each request. An answer is judged anew each
time and the judged addresses are what is dialled, so a cached answer can never be an unjudged one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from twisted.python.failure import Failure

from pipelock.door.edges import Call, Clock
from pipelock.door.lookup import lookup_failure, system_lookup
from pipelock.engine import Answers

__all__ = ["CACHE_SECONDS", "LOOKUP_SECONDS", "MAX_LOOKUPS", "Resolver"]

LOOKUP_SECONDS = 5.0
CACHE_SECONDS = 10.0
MAX_LOOKUPS = 512
MAX_CACHED = 1000

Listener = Callable[[Answers], None]
Work = Callable[[Callable[[], tuple[str, ...]], Callable[[tuple[str, ...] | Failure], None]], None]


class Resolver:
    """Resolves names for the door.

    Args:
        clock: The reactor, or a fake clock.
        work: Runs a blocking function elsewhere and calls back on the reactor thread with its result or a `Failure`.
        lookup: The blocking lookup.
    """

    def __init__(self, clock: Clock, work: Work, lookup: Callable[[str], tuple[str, ...]] = system_lookup) -> None:
        self._clock = clock
        self._work = work
        self._lookup = lookup
        self._flying: dict[str, tuple[list[Listener], Call]] = {}
        self._cache: OrderedDict[str, tuple[float, Answers]] = OrderedDict()
        self._queued = 0

    def resolve(self, host: str, then: Listener) -> None:
        """Call `then` exactly once, at once when the answer is known."""
        now = self._clock.seconds()
        known = self._cache.get(host)
        if known is not None and known[0] > now:
            then(known[1])
            return
        flying = self._flying.get(host)
        if flying is not None:
            flying[0].append(then)
            return
        if self._queued >= MAX_LOOKUPS:
            then(Answers(error="too many name lookups are waiting"))
            return
        timer = self._clock.callLater(
            LOOKUP_SECONDS, self._finish, host, Answers(error=f"no answer within {LOOKUP_SECONDS:.0f} s")
        )
        self._flying[host] = ([then], timer)
        self._queued += 1
        self._work(lambda: self._lookup(host), lambda result: self._landed(host, timer, result))

    def _landed(self, host: str, timer: Call, result: tuple[str, ...] | Failure) -> None:
        self._queued -= 1
        flying = self._flying.get(host)
        if flying is None or flying[1] is not timer:
            return  # too late: the deadline answered, and a newer lookup may be under way
        if isinstance(result, Failure):
            self._finish(host, Answers(error=lookup_failure(result.value)))
        else:
            answers = Answers(addresses=result)
            if result:
                self._cache[host] = (self._clock.seconds() + CACHE_SECONDS, answers)
                self._cache.move_to_end(host)
                if len(self._cache) > MAX_CACHED:
                    self._cache.popitem(last=False)
            self._finish(host, answers)

    def _finish(self, host: str, answers: Answers) -> None:
        listeners, timer = self._flying.pop(host)
        if timer.active():
            timer.cancel()
        for listener in listeners:
            listener(answers)
