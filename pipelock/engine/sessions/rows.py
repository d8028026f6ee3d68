"""The sessions that are listed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

import msgspec

from pipelock.model import Identity

__all__ = ["MAX_DOMAINS", "Row", "Rows"]

MAX_DOMAINS = 256
"""Domains that are counted of one session; a higher number is not told."""


class Row(msgspec.Struct):
    """One session. Times are seconds since the epoch; `domains` are hashes."""

    key: str
    account: str
    agent: str
    client: str
    started_at: float
    last_seen_at: float
    requests: int = 0
    blocked: int = 0
    bytes: int = 0
    domains: set[int] = msgspec.field(default_factory=set)
    identity: Identity | None = None
    ended: bool = False

    def meet(self, domain: int) -> None:
        """It talked to a domain."""
        if len(self.domains) < MAX_DOMAINS:
            self.domains.add(domain)

    def begin(self, at: float) -> None:
        """What was ended starts afresh."""
        self.ended = False
        self.started_at = at
        self.requests = self.blocked = self.bytes = 0
        self.domains.clear()


class Rows:
    """A bounded table, least recently seen first.

    Full, it drops the least recently seen of those whose account is calm, then of all. What is held against a client is
    in its account, which does not go with the row.

    Args:
        is_calm: Whether an account is calm, by its key.
    """

    def __init__(self, is_calm: Callable[[str], bool]) -> None:
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._is_calm = is_calm

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def get(self, key: str) -> Row | None:
        """The session, if it is known."""
        return self._rows.get(key)

    def seen(self, key: str) -> None:
        """It was heard of now."""
        self._rows.move_to_end(key)

    def add(self, row: Row, limit: int) -> int:
        """A new session; how many had to go."""
        gone = 0
        while len(self._rows) >= max(limit, 1):
            calm = next((key for key, one in self._rows.items() if self._is_calm(one.account)), None)
            self._rows.popitem(last=False) if calm is None else self._rows.pop(calm)
            gone += 1
        self._rows[row.key] = row
        return gone

    def expire(self, before: float) -> int:
        """Forget the calm ones that were not heard of since `before`; how many."""
        late = []
        for row in self._rows.values():
            if row.last_seen_at > before:
                break
            if self._is_calm(row.account):
                late.append(row.key)
        for key in late:
            del self._rows[key]
        return len(late)

    def of(self, account: str) -> list[Row]:
        """The sessions of one account, most recently seen first."""
        return [row for row in reversed(self._rows.values()) if row.account == account]
