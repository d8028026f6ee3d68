"""A bounded table in which newcomers make room for those who have got further."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Generic, TypeVar

__all__ = ["ProgressTable"]

_K = TypeVar("_K")
_V = TypeVar("_V")


class ProgressTable(Generic[_K, _V]):
    """Rows by key. Full, it drops the least recently used of the rows that were never promoted, then of the others.

    So whoever opens thousands of rows to wash out one that is half-way somewhere washes out only such as his own.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: OrderedDict[_K, _V] = OrderedDict()
        self._grown: OrderedDict[_K, _V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._young) + len(self._grown)

    def __iter__(self) -> Iterator[_V]:
        yield from self._young.values()
        yield from self._grown.values()

    def get(self, key: _K) -> _V | None:
        """The row, which is now the most recently used of its kind."""
        for rows in (self._grown, self._young):
            row = rows.get(key)
            if row is not None:
                rows.move_to_end(key)
                return row
        return None

    def add(self, key: _K, row: _V) -> list[_V]:
        """Add a new row; gives those that had to go."""
        self._young[key] = row
        return [self.drop() for _ in range(len(self) - self._limit)]

    def promote(self, key: _K) -> None:
        """The row has got somewhere."""
        row = self._young.pop(key, None)
        if row is not None:
            self._grown[key] = row

    def all_keys(self) -> list[_K]:
        """All keys."""
        return [*self._young, *self._grown]

    def remove(self, key: _K) -> _V | None:
        """Take out a row, if it is there."""
        row = self._young.pop(key, None)
        return self._grown.pop(key, None) if row is None else row

    def drop(self) -> _V:
        """Take out the row that is missed least.

        Raises:
            KeyError: there is none.
        """
        return (self._young or self._grown).popitem(last=False)[1]
