"""Gathers what the daemon sends into batches, so that two hundred events a second cost ten repaints.

Prompts, the kill switch and the connection itself don't wait for the next batch.
"""

from __future__ import annotations

from pipelock.control.aio import Connected, Disconnected
from pipelock.model import Event, Held, KillSwitchChanged, Released
from pipelock_tui.ports import Item

__all__ = ["MAX_BATCH", "PERIOD", "Inbox"]

PERIOD = 0.1
"""Seconds between two batches."""
MAX_BATCH = 500
"""Items in one batch; a full one is handed on at once."""


class Inbox:
    """Items not shown yet. An event that was seen already (same daemon run, not a higher number) is dropped."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._epoch = ""
        self._seq = 0

    def put(self, item: Item) -> bool:
        """Keep `item` for the next batch; returns whether that batch is due now."""
        if isinstance(item, Event):
            if item.seq <= self._seq:
                return False
            self._seq = item.seq
        elif isinstance(item, Connected) and item.welcome.epoch != self._epoch:
            self._epoch, self._seq = item.welcome.epoch, 0
        self._items.append(item)
        if isinstance(item, Connected | Disconnected):
            return True
        urgent = isinstance(item, Event) and isinstance(item.payload, Held | Released | KillSwitchChanged)
        return urgent or len(self._items) >= MAX_BATCH

    def take(self) -> tuple[Item, ...]:
        """The batch, empty where nothing came."""
        items = tuple(self._items)
        self._items.clear()
        return items
