"""What is held against a client, and where it is kept.

A session is what is listed; an account is what counts. Where the client cannot choose who it is (a listener of its own,
its process, its network) each session has an account. Where it can (a name in a header, or none) all that come from one
address share one: whoever takes another name, or drops the connection, stays who he was. So do processes that nothing
ties to a terminal or a login, as far as neither listener nor network says whose they are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from pipelock.model import Action, Evidence, Level, SessionNote, Tier, session_key

__all__ = ["FOREVER", "MAX_ACCOUNTS", "MAX_NOTES", "Account", "Accounts", "Use", "account_of"]

MAX_ACCOUNTS = 4096
MAX_NOTES = 20
FOREVER = float("inf")

_PLACES = frozenset({Evidence.LISTENER, Evidence.CIDR})
_FIRM = _PLACES | {Evidence.PROCESS}


def account_of(action: Action) -> str:
    """The key of the account that `action` counts in."""
    identity = action.identity
    # The evidence is the name's: a process that says a name in a header is known by its process all the same.
    if identity is not None:
        if identity.shared and identity.evidence in _PLACES:
            return session_key(identity.agent, action.client)
        if not identity.shared and (identity.processes or identity.evidence in _FIRM):
            return action.session
    return action.client or action.session


class Use(msgspec.Struct):
    """What was used up of a budget since `since` (monotonic seconds, negative before the first use).

    `told` is the budget of which was told that it is used up.
    """

    since: float = -1.0
    requests: int = 0
    bytes: int = 0
    domains: set[int] = msgspec.field(default_factory=set)
    told: str = ""


class Account(msgspec.Struct):
    """The state of one client. All times are monotonic seconds.

    Attributes:
        level: With `score`, and `level_since` when it was reached.
        provoked_at: When a threat was refused last.
        washed: Points that clean requests took off since `washed_since`.
        tier: With `tier_since`, `tier_until` (`FOREVER`: not by itself) and `tier_why`.
        floor: The tier that a person has set: no timer goes below it. `floor_why` is his reason.
        end_by: When what is still open is ended, in tier drain.
        must_close: The tier rose so far that closed tunnels and WebSockets are to be ended.
        anomalies: When there were anomalies, the last few.
        seen: Domains that are not new, the oldest first.
        fresh: When the new ones came.
        burst_until: Until when there is a burst of new domains.
        scored: Points that were given for bodies, by id and direction, so that each counts once.
        forbidden: Hosts (their hashes) that a setting forbids, and until when they count no more.
        shelf: Where it lies in `Accounts`.
    """

    key: str
    level: Level = Level.NORMAL
    score: float = 0.0
    level_since: float = 0.0
    provoked_at: float = -FOREVER
    washed: float = 0.0
    washed_since: float = -FOREVER
    tier: Tier = Tier.NONE
    tier_since: float = 0.0
    tier_until: float = FOREVER
    tier_why: str = ""
    floor: Tier = Tier.NONE
    floor_why: str = ""
    end_by: float = FOREVER
    must_close: bool = False
    anomalies: list[float] = []
    seen: dict[int, None] = {}
    fresh: list[float] = []
    burst_until: float = -FOREVER
    scored: dict[tuple[str, bool], float] = {}
    forbidden: dict[int, float] = {}
    notes: list[SessionNote] = []
    use: Use = msgspec.field(default_factory=Use)
    shelf: int = 0

    @property
    def is_calm(self) -> bool:
        """Whether nothing is stricter for it than for anybody."""
        return self.level is Level.NORMAL and self.tier is Tier.NONE

    def remember(self, note: SessionNote) -> None:
        """Keep a note, and the last `MAX_NOTES` of them."""
        self.notes.append(note)
        del self.notes[:-MAX_NOTES]

    def reset(self) -> None:
        """Forget everything but the key: a person has said so."""
        blank = Account(self.key)
        for name in self.__struct_fields__:
            if name != "shelf":
                setattr(self, name, getattr(blank, name))


class Accounts:
    """A bounded table. Full, it drops the least recently used of the calmest.

    Three shelves: nothing against it, points, a level or tier above the first. So whoever opens thousands of sessions
    to have his own forgotten has only such as those forgotten that nothing is known of.
    """

    def __init__(self, limit: int = MAX_ACCOUNTS) -> None:
        self._limit = limit
        self._rows: dict[str, Account] = {}
        self._shelves: tuple[OrderedDict[str, None], ...] = (OrderedDict(), OrderedDict(), OrderedDict())

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> Account | None:
        """The account, if there is one."""
        return self._rows.get(key)

    def use(self, key: str) -> Account:
        """The account, new if need be, and the most recently used from now on."""
        account = self._rows.get(key)
        if account is None:
            account = self._rows[key] = Account(key)
            self._shelves[0][key] = None
            if len(self._rows) > self._limit:
                self._drop(besides=key)
        else:
            self._shelves[account.shelf].move_to_end(key)
        return account

    def settle(self, account: Account) -> None:
        """Put an account that was changed on the shelf where it belongs."""
        shelf = 0 if account.is_calm else 2
        if not shelf and (account.score > 0 or account.use.since >= 0):
            shelf = 1
        if shelf != account.shelf and account.key in self._rows:
            del self._shelves[account.shelf][account.key]
            self._shelves[shelf][account.key] = None
            account.shelf = shelf

    def raised(self) -> Iterator[Account]:
        """Those above the first level or tier."""
        return iter([self._rows[key] for key in self._shelves[2]])

    def _drop(self, besides: str) -> None:
        for shelf in self._shelves:
            for key in shelf:
                if key != besides:
                    del shelf[key]
                    del self._rows[key]
                    return
