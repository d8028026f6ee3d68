"""The answers that hold for more than once: looked up by what they fix, so that their number costs nothing.

Limits: 1 000 grants; beyond them the oldest that is not kept for good makes way. Where several cover the same, a denial
wins. Grants of exact payloads end with the policy under which they were given: the payload's digest holds its hash.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from pipelock.engine.approvals.asked import Asked, Key, key_of, lookup_keys
from pipelock.model import Grant, Lifetime, Scope

__all__ = ["MAX_GRANTS", "Grants"]

_Slot = tuple[str, bool]
"""Session and whether it is kept for good: what stands in the file is not replaced by what does not."""

MAX_GRANTS = 1000


class _Entry(msgspec.Struct):
    grant: Grant
    key: Key
    until: float
    """Monotonic seconds; 0 does not end by time."""
    policy: str
    born: int


class Grants:
    """The table. `now` is seconds since the epoch, for people; `steady` monotonic seconds, by which grants end."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._by_key: dict[Key, dict[_Slot, str]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, grant: Grant, steady: float, policy: str = "", born: int = 0) -> tuple[Grant, ...]:
        """Let `grant` hold from now on.

        Args:
            grant: What was answered.
            steady: Now.
            policy: For an exact payload, the hash of the policy under which it was given.
            born: For one session, when its root process started.

        Returns:
            The grants that it takes the place of: an earlier answer to the very same, or the oldest of too many.
        """
        key = key_of(grant, grant.scope)
        gone: list[Grant] = []
        slot = _slot(grant)
        same = self._by_key.get(key, {}).get(slot)
        if same is not None:
            gone.append(self._drop(same))
        seconds = grant.lifetime.seconds
        self._entries[grant.id] = _Entry(grant, key, steady + seconds if seconds else 0.0, policy, born)
        self._by_key.setdefault(key, {})[slot] = grant.id
        if len(self._entries) > MAX_GRANTS:
            oldest = next(
                (one for one, entry in self._entries.items() if entry.grant.lifetime is not Lifetime.FOREVER), grant.id
            )
            gone.append(self._drop(oldest))
        return tuple(gone)

    def covering(self, asked: Asked, now: float, steady: float) -> Grant | None:
        """The grant that decides, its hit counted; `None` where a person must be asked."""
        if not self._entries:
            return None
        found: _Entry | None = None
        for key in lookup_keys(asked):
            for entry in self._live(key, asked, steady):
                if found is None or (found.grant.allow and not entry.grant.allow):
                    found = entry
        if found is None:
            return None
        found.grant = msgspec.structs.replace(found.grant, hits=found.grant.hits + 1, last_hit_at=now)
        return found.grant

    def all(self, steady: float) -> tuple[Grant, ...]:
        """Those that hold, newest first."""
        for grant_id in [one for one, entry in self._entries.items() if _is_over(entry, steady)]:
            self._drop(grant_id)
        return tuple(entry.grant for entry in reversed(self._entries.values()))

    def kept(self) -> tuple[Grant, ...]:
        """Those that hold for good, oldest first."""
        return tuple(e.grant for e in self._entries.values() if e.grant.lifetime is Lifetime.FOREVER)

    def kept_with(self, grant: Grant) -> tuple[Grant, ...]:
        """What would hold for good with `grant`, which takes the place of an earlier answer to the very same."""
        key = key_of(grant, grant.scope)
        return (*(one for one in self.kept() if key_of(one, one.scope) != key), grant)

    def get(self, grant_id: str) -> Grant | None:
        """The grant of that id."""
        entry = self._entries.get(grant_id)
        return None if entry is None else entry.grant

    def remove(self, grant_id: str) -> Grant | None:
        """Take one back; `None` where there is none."""
        return self._drop(grant_id) if grant_id in self._entries else None

    def replace_kept(self, grants: Iterable[Grant], steady: float) -> None:
        """Let exactly these hold for good. Those that stay keep their hits."""
        before = {grant.id: grant for grant in self.kept()}
        for grant_id in before:
            self._drop(grant_id)
        for grant in grants:
            known = before.get(grant.id)
            hits = (known.hits, known.last_hit_at) if known is not None else (0, 0.0)
            self.add(msgspec.structs.replace(grant, hits=hits[0], last_hit_at=hits[1]), steady)

    def end_sessions(self, is_known: Callable[[str], bool]) -> int:
        """Drop what was answered for sessions that are over; how many that were."""
        of_one = ((one, entry.grant.session) for one, entry in self._entries.items() if entry.grant.session)
        ended = [one for one, session in of_one if not is_known(session)]
        for grant_id in ended:
            self._drop(grant_id)
        return len(ended)

    def under(self, policy: str) -> int:
        """Drop the grants of exact payloads that were given under another policy; how many that were."""
        ended = [
            one for one, entry in self._entries.items() if entry.grant.scope is Scope.PAYLOAD and entry.policy != policy
        ]
        for grant_id in ended:
            self._drop(grant_id)
        return len(ended)

    def _live(self, key: Key, asked: Asked, steady: float) -> list[_Entry]:
        ids = self._by_key.get(key)
        if not ids:
            return []
        found = []
        for slot in dict.fromkeys(((asked.session, False), ("", False), ("", True))):
            entry = self._entries.get(ids.get(slot, ""))
            if entry is None:
                continue
            if _is_over(entry, steady):
                self._drop(entry.grant.id)
            elif not entry.grant.session or entry.born == asked.born:
                found.append(entry)
        return found

    def _drop(self, grant_id: str) -> Grant:
        entry = self._entries.pop(grant_id)
        ids = self._by_key[entry.key]
        if ids.get(_slot(entry.grant)) == grant_id:
            del ids[_slot(entry.grant)]
        if not ids:
            del self._by_key[entry.key]
        return entry.grant


def _slot(grant: Grant) -> _Slot:
    return grant.session, grant.lifetime is Lifetime.FOREVER


def _is_over(entry: _Entry, steady: float) -> bool:
    return bool(entry.until) and entry.until <= steady
