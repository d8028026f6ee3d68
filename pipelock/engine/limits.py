"""Sliding-window limits per registrable domain, and token buckets, in bounded memory.

A window of 60 s is kept as 12 buckets of 5 s: a count is never low, and at most one bucket (8 %) high at the
window's edge. Keys beyond the cap evict the least recently used one, which can only forget, never invent, usage;
an attacker who rotates 10 000 registrable domains to forget one gains that one domain's quota.
"""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["MAX_KEYS", "WINDOW_SECONDS", "SlidingWindow", "TokenBuckets"]

WINDOW_SECONDS = 60.0
MAX_KEYS = 10_000
_BUCKETS = 12
_BUCKET_SECONDS = WINDOW_SECONDS / _BUCKETS


class SlidingWindow:
    """Sums per key over the last `WINDOW_SECONDS`."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._rows: OrderedDict[str, dict[int, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def total(self, key: str, now: float) -> int:
        """The sum for `key` over the window that ends at `now` (seconds on any monotonic clock)."""
        row = self._rows.get(key)
        if row is None:
            return 0
        oldest = int(now / _BUCKET_SECONDS) - _BUCKETS
        if any(bucket <= oldest for bucket in row):
            for bucket in [bucket for bucket in row if bucket <= oldest]:
                del row[bucket]
        return sum(row.values())

    def add(self, key: str, amount: int, now: float) -> None:
        """Count `amount` for `key` at `now`."""
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = {}
            if len(self._rows) > self._max_keys:
                self._rows.popitem(last=False)
        else:
            self._rows.move_to_end(key)
        bucket = int(now / _BUCKET_SECONDS)
        row[bucket] = row.get(bucket, 0) + amount


class TokenBuckets:
    """One bucket of permits a key, refilled steadily. At most `max_keys`; the least recently used one is forgotten."""

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._rows: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, per_minute: int, burst: int, now: float) -> bool:
        """Take one permit of `key`'s, if there is one.

        Args:
            key: Whose.
            per_minute: Permits that come back in a minute; 0 for no limit.
            burst: Most permits that wait; at least one does.
            now: Seconds on any monotonic clock.
        """
        if per_minute <= 0:
            return True
        most = float(max(burst, 1))
        level, since = self._rows.pop(key, (most, now))
        level = min(most, level + (now - since) * per_minute / 60.0)
        granted = level >= 1.0
        self._rows[key] = (level - 1.0 if granted else level, now)
        if len(self._rows) > self._max_keys:
            self._rows.popitem(last=False)
        return granted
