"""Headers that were scanned and found clean, so that a client's unchanging ones are scanned once and not each time.

Only a keyed digest is kept, never a value. 1 024 sets, the oldest out; a policy has a table of its own, so that new
rules see everything anew. Threads may use it: each step is one dictionary operation.
"""

from __future__ import annotations

import hashlib
import os

__all__ = ["MAX_CLEARED", "Cleared"]

MAX_CLEARED = 1024


class Cleared:
    """A bounded set of digests."""

    def __init__(self) -> None:
        self._key = os.urandom(16)
        self._digests: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._digests)

    def digest(self, host: str, pairs: list[tuple[str, str]]) -> bytes:
        """What stands for these names and values on their way to `host`."""
        return hashlib.blake2b(repr((host, pairs)).encode(), digest_size=16, key=self._key).digest()

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._digests

    def add(self, digest: bytes) -> None:
        """Remember; forgets the oldest beyond `MAX_CLEARED`."""
        self._digests[digest] = None
        if len(self._digests) > MAX_CLEARED:
            self._digests.pop(next(iter(self._digests), b""), None)
