"""The event bus: numbers what happens, keeps the newest of it, tells whoever listens.

One daemon has one bus. The numbers are what makes resuming possible: a watcher that knows the last one it saw can ask
for the rest, and be told exactly which ones it can no longer have.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from pipelock.model import Event, Notice, Payload

__all__ = ["CAPACITY", "EventBus", "Missed"]

CAPACITY = 10_000
"""How many events a bus keeps unless told otherwise."""

Listener = Callable[[Event], None]

_log = logging.getLogger(__name__)


class Missed(msgspec.Struct, frozen=True):
    """Events `first` to `last`, both included, that the answer leaves out."""

    first: int
    last: int


class EventBus:
    """Numbers events from 1 without holes and holds the newest `capacity` of them in a ring.

    `clock` gives seconds since the epoch. Not thread-safe: everything happens on the reactor's thread.

    Raises:
        ValueError: `capacity` is below 1.
    """

    def __init__(self, clock: Callable[[], float], capacity: int = CAPACITY) -> None:
        if capacity < 1:
            raise ValueError("an event bus holds at least one event")
        self._clock = clock
        self._capacity = capacity
        # Slot of an event: seq % capacity. A list gives any position in constant time; a deque does not.
        self._ring: list[Event | None] = [None] * capacity
        self._last = 0
        self._listeners: dict[int, Listener] = {}
        self._next_listener = 0
        self._delivered = 0
        self._delivering = False

    @property
    def capacity(self) -> int:
        """How many events are held at most."""
        return self._capacity

    @property
    def last_seq(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._last

    def publish(self, payload: Payload) -> Event:
        """Number `payload`, keep it and tell the listeners; the event as published.

        A listener may publish in turn: its event is delivered after this one, so that everybody sees the same order.
        Never raises because of a listener.
        """
        seq = self._last + 1
        event = Event(seq, self._clock(), payload)
        self._ring[seq % self._capacity] = event
        self._last = seq
        if self._listeners and not self._delivering:
            self._deliver()
        return event

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with every event from now on; the returned function ends that, and may be called twice.

        A listener must be quick: it runs inside `publish`. One that raises is removed, logged, and announced to the
        others as a `Notice` of level error.
        """
        if not self._listeners and not self._delivering:
            self._delivered = self._last
        key = self._next_listener
        self._next_listener += 1
        self._listeners[key] = listener

        def unsubscribe() -> None:
            self._listeners.pop(key, None)

        return unsubscribe

    def since(self, after: int, backlog: int) -> tuple[Missed | None, tuple[Event, ...]]:
        """The events after number `after`, oldest first, at most the newest `backlog` of them.

        The first item names what is left out, because the ring no longer has it or `backlog` is smaller; `None`
        where nothing is. An `after` that lies in the future gives nothing.
        """
        after = max(after, 0)
        held = min(self._last, self._capacity)
        first = max(self._last - min(max(backlog, 0), held), after) + 1
        missed = Missed(after + 1, first - 1) if after + 1 < first else None
        found = (self._ring[seq % self._capacity] for seq in range(first, self._last + 1))
        return missed, tuple(event for event in found if event is not None)

    def following(self, after: int, limit: int) -> tuple[Missed | None, tuple[Event, ...]]:
        """The next `limit` events after number `after`, oldest first: for a reader that goes through them in pieces.

        The first item names those that the ring no longer has.
        """
        after = max(after, 0)
        first = max(after, self._last - self._capacity) + 1
        missed = Missed(after + 1, first - 1) if after + 1 < first else None
        found = (self._ring[seq % self._capacity] for seq in range(first, min(self._last, first + limit - 1) + 1))
        return missed, tuple(event for event in found if event is not None)

    def latest(self, backlog: int) -> tuple[Event, ...]:
        """The newest `backlog` events, oldest first."""
        return self.since(self._last - min(max(backlog, 0), self._capacity), self._capacity)[1]

    def _deliver(self) -> None:
        self._delivering = True
        try:
            while self._delivered < self._last:
                # A listener that floods the bus could lap the ring; what it overwrote is gone for listeners too.
                self._delivered = max(self._delivered + 1, self._last - self._capacity + 1)
                event = self._ring[self._delivered % self._capacity]
                if event is not None:
                    self._tell(event)
        finally:
            self._delivering = False

    def _tell(self, event: Event) -> None:
        for key, listener in tuple(self._listeners.items()):
            if key not in self._listeners:
                continue
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - whatever a listener's fault is, deciding must go on
                del self._listeners[key]
                _log.exception("an event listener failed and was removed")
                self.publish(Notice("error", f"an event listener failed and was removed: {type(error).__name__}"))
