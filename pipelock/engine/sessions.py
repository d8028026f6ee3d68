"""Who has been talking: a bounded table, the least recently seen falls out."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from pipelock.model import Session

__all__ = ["MAX_SESSIONS", "Sessions"]

MAX_SESSIONS = 1000


class _Row(msgspec.Struct):
    agent: str
    client: str
    started_at: float
    last_seen_at: float
    requests: int = 0
    blocked: int = 0


class Sessions:
    """Counts per session key. Times are seconds since the epoch."""

    def __init__(self, limit: int = MAX_SESSIONS) -> None:
        self._limit = limit
        self._rows: OrderedDict[str, _Row] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def note(self, key: str, agent: str, client: str, at: float, *, blocked: bool, request: bool = True) -> None:
        """Session `key` was heard of: count a request, unless it was another message, and whether it was refused."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = _Row(agent, client, at, at)
            if len(self._rows) > self._limit:
                self._rows.popitem(last=False)
        else:
            self._rows.move_to_end(key)
        row.last_seen_at = at
        row.requests += request
        row.blocked += blocked

    def known(self) -> tuple[Session, ...]:
        """Every session, most recently seen first."""
        return tuple(
            Session(
                key=key,
                agent=row.agent,
                client=row.client,
                started_at=row.started_at,
                last_seen_at=row.last_seen_at,
                requests=row.requests,
                blocked=row.blocked,
            )
            for key, row in reversed(self._rows.items())
        )
