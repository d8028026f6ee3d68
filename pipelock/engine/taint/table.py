"""One row for each account: what it has read, which lamps are lit, its task and the task's overrides.

Limits: `MAX_ROWS` accounts, `MAX_SOURCES` sources and `MAX_OVERRIDES` overrides each. One that has been silent
for `MAX_IDLE` seconds starts afresh. Where there are too many, those that carry no mark go first. Should one that does
have to go, its level becomes the least that every new one starts at for `MAX_IDLE` seconds: who floods the table
with names can make others suspect, but washes nothing.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pipelock.engine.taint.overrides import Override
from pipelock.engine.taint.sources import Source
from pipelock.model import Lamp, Lamps, TaintLevel

__all__ = ["MAX_IDLE", "MAX_OVERRIDES", "MAX_ROWS", "MAX_SOURCES", "Row", "Table"]

MAX_ROWS = 1000
MAX_SOURCES = 32
MAX_OVERRIDES = 20
MAX_IDLE = 12 * 3600.0
"""Seconds; a night. What an agent has read stays in its memory far longer than a connection lasts."""

_NO_LAMP = Lamp()


class Row(msgspec.Struct):
    """What is known of one account.

    Attributes:
        level: The worst of what was read.
        lost: The worst of what was read and is no longer among `sources`: no override can be about it.
        sources: By URL, the latest last.
        latest_url: The URL, as it was shown, of what was read last; `latest_level` how bad that was.
    """

    seen: float
    level: TaintLevel = TaintLevel.TRUSTED
    lost: TaintLevel = TaintLevel.TRUSTED
    untrusted: Lamp = _NO_LAMP
    private: Lamp = _NO_LAMP
    egress: Lamp = _NO_LAMP
    sources: dict[str, Source] = {}
    latest_url: str = ""
    latest_level: TaintLevel = TaintLevel.TRUSTED
    overrides: tuple[Override, ...] = ()
    task_id: str = ""
    task: str = ""

    @property
    def is_marked(self) -> bool:
        """Whether forgetting it would lose something that counts."""
        return (
            self.level.rank >= TaintLevel.UNTRUSTED.rank
            or self.private.lit
            or self.egress.lit
            or bool(self.overrides or self.task_id)
        )

    @property
    def lamps(self) -> Lamps:
        """The three of them."""
        return Lamps(self.untrusted, self.private, self.egress)

    def read(self, source: Source) -> bool:
        """Remember that `source` was read; whether that makes it worse."""
        known = self.sources.pop(source.url, None)
        if known is not None and known.level.rank > source.level.rank:
            source = msgspec.structs.replace(source, level=known.level)
        self.sources[source.url] = source
        if len(self.sources) > MAX_SOURCES:
            self._drop_one()
        if source.level.rank <= self.level.rank:
            return False
        self.level = source.level
        return True

    def _drop_one(self) -> None:
        """Forget the oldest that is not hostile: those decide, and an operator will want to see them."""
        mild = (url for url, one in self.sources.items() if one.level is not TaintLevel.HOSTILE)
        dropped = self.sources.pop(next(mild, next(iter(self.sources))))
        if dropped.level.rank > self.lost.rank:
            self.lost = dropped.level

    def level_without(self, overrides: tuple[Override, ...]) -> TaintLevel:
        """The worst of what was read and none of `overrides` forgives."""
        left = [one.level for one in self.sources.values() if not any(each.forgives(one.url) for each in overrides)]
        return max((self.lost, *left), key=lambda level: level.rank)


class Table:
    """The rows. Times are seconds since the epoch."""

    def __init__(self, limit: int = MAX_ROWS) -> None:
        self._limit = limit
        self._calm: OrderedDict[str, Row] = OrderedDict()
        self._marked: OrderedDict[str, Row] = OrderedDict()
        self._floor = TaintLevel.TRUSTED
        self._floor_until = 0.0

    def __len__(self) -> int:
        return len(self._calm) + len(self._marked)

    def known(self, key: str) -> Row | None:
        """The row of `key` as it is kept."""
        return self._marked.get(key) or self._calm.get(key)

    def peek(self, key: str, wall: float) -> Row | None:
        """The row of `key`; `None` where nothing is known that would count."""
        row = self.known(key)
        if row is not None and wall - row.seen > MAX_IDLE:
            self.forget(key)
            row = None
        if row is None and wall < self._floor_until:
            return self._new(wall)
        return row

    def touch(self, key: str, wall: float) -> Row:
        """The row of `key`, which is there from now on and the latest."""
        row = self.peek(key, wall)
        if row is None or (key not in self._marked and key not in self._calm):
            row = row or self._new(wall)
            self._calm[key] = row
            self._make_room(wall)
        row.seen = wall
        rows = self._marked if key in self._marked else self._calm
        rows.move_to_end(key)
        return row

    def afresh(self, key: str, wall: float) -> Row:
        """A new row for `key`, without a mark, in place of what was known."""
        self.touch(key, wall)
        self._marked.pop(key, None)
        row = self._calm[key] = Row(wall)
        return row

    def settle(self, key: str) -> None:
        """Sort the row of `key` in again after it was changed."""
        row = self._marked.pop(key, None) or self._calm.pop(key, None)
        if row is not None:
            (self._marked if row.is_marked else self._calm)[key] = row

    def forget(self, key: str) -> None:
        """Drop the row of `key`, if there is one."""
        self._marked.pop(key, None)
        self._calm.pop(key, None)

    def _new(self, wall: float) -> Row:
        floor = self._floor if wall < self._floor_until else TaintLevel.TRUSTED
        if floor.rank < TaintLevel.UNTRUSTED.rank:
            return Row(wall)
        lamp = Lamp(lit=True, at=wall, what="more sessions than can be remembered: some were forgotten")
        return Row(wall, level=floor, lost=floor, untrusted=lamp)

    def _make_room(self, wall: float) -> None:
        while len(self) > self._limit:
            if len(self._calm) > 1:
                self._calm.popitem(last=False)
                continue
            _, row = self._marked.popitem(last=False)
            if wall - row.seen > MAX_IDLE:
                continue
            if wall >= self._floor_until or row.level.rank > self._floor.rank:
                self._floor = row.level
            self._floor_until = wall + MAX_IDLE
