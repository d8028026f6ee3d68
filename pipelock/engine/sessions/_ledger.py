"""The state of all sessions, and the clocks that run on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from pipelock.engine.content import folded
from pipelock.engine.facts import Facts
from pipelock.engine.sessions import airlock, levels
from pipelock.engine.sessions.account import FOREVER, MAX_ACCOUNTS, Account, Accounts
from pipelock.engine.sessions.changes import Change, What
from pipelock.engine.sessions.policy import Adaptive, AirlockSettings, SessionPolicy
from pipelock.engine.sessions.rows import Row, Rows
from pipelock.engine.sessions.taints import NoTaints, Taints
from pipelock.model import Action, Kind, Level, SessionNote, Tier

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["BY_HAND", "REQUESTS", "Ledger", "is_exempt", "profile_of"]

REQUESTS = frozenset({Kind.REQUEST, Kind.CONNECT})
BY_HAND = AirlockSettings()
"""How long tiers last where section `airlock` is off and a person sets one."""
_ADAPTIVE = Adaptive()
_MAX_CACHED = 4096
_LONGEST_NAME = 253


class Ledger:
    """Accounts, rows, the policy and the time that were seen last, and who is told.

    Attributes:
        listener: Is told of every change, at once.
        ended: Ends the connections of the session with this key; how many there were.
        closed_in: Ends what of a session goes on for long and cannot be judged piece by piece; how many.
        in_flight: How many connections of a session are open.
        forget_pieces: Forgets what a client's requests were put together from; whether there was anything.
        taints: What sessions have read.
        settings: The policy in force when something was last asked; `enforces` is whether it is enforced.
        now: Monotonic seconds; `ahead` is how far the wall clock is ahead of them.
    """

    def __init__(self, accounts: int = MAX_ACCOUNTS) -> None:
        self.accounts = Accounts(accounts)
        self.rows = Rows(self._is_calm)
        self.settings = SessionPolicy()
        self.enforces = True
        self.now = self.ahead = 0.0
        self.listener: Callable[[Change], None] = lambda _change: None
        self.ended: Callable[[str], int] = lambda _key: 0
        self.closed_in: Callable[[str], int] = lambda _key: 0
        self.in_flight: Callable[[str], int] = lambda _key: 0
        self.forget_pieces: Callable[[str], bool] = lambda _client: False
        self.taints: Taints = NoTaints()
        self._domains: dict[str, int] = {}

    def look_at(self, facts: Facts, settings: SessionPolicy) -> None:
        """The time goes on."""
        self.now = facts.now
        self.ahead = facts.wall - facts.now
        self.settings = settings

    def domain(self, host: str, policy: Policy) -> int:
        """The hash of the domain that `host` (as received) belongs to."""
        domain = self._domains.get(host)
        if domain is None:
            if len(self._domains) >= _MAX_CACHED:
                self._domains.clear()
            domain = hash(policy.layers.registrable_host(host))
            if len(host) <= _LONGEST_NAME:
                self._domains[host] = domain
        return domain

    def advance(self, account: Account) -> None:
        """Let the timers of one account run out."""
        now, before, tier = self.now, account.level, account.tier
        if levels.recover(account, self.settings.adaptive or _ADAPTIVE, now):
            self.level_moved(What.RECOVERY, account, before, "timer", "no threat was refused for long enough")
        if airlock.advance(account, self.settings.airlock or BY_HAND, now):
            self.tier_moved(What.AIRLOCK_ENDED, account, tier, "timer", "its time is over")
        self.accounts.settle(account)

    def end_what_may_not_go_on(self, account: Account) -> int:
        """End what the tier does not leave open; how many connections that were.

        Not called while something is judged: whose connection is ended hears no decision any more.
        """
        ended = 0
        by_hand = account.floor.rank >= Tier.HARD.rank
        is_enforced = by_hand or (self.enforces and self.settings.airlock is not None)
        if account.must_close:
            account.must_close = False
            if is_enforced:
                ended = sum(self.closed_in(row.key) for row in self.rows.of(account.key))
        if account.end_by <= self.now:
            account.end_by = FOREVER
            if is_enforced:
                drained = sum(self.ended(row.key) for row in self.rows.of(account.key))
                self.tell(What.DRAINED, account, after="timeout" if drained else "completed")
                ended += drained
        return ended

    # -- telling -----------------------------------------------------------------------------------------------------

    def tell(self, what: What, account: Account, row: Row | None = None, **more: object) -> None:
        """Tell the listener; of the session heard of last where no `row` is given. `more` are fields of `Change`."""
        row = row or next(iter(self.rows.of(account.key)), None)
        change = Change(
            what=what,
            session=row.key if row else "",
            agent=row.agent if row else "",
            client=row.client if row else "",
            level=account.level.value,
            score=account.score,
        )
        self.listener(msgspec.structs.replace(change, **more))

    def level_moved(self, what: What, account: Account, before: Level, trigger: str, detail: str) -> None:
        """Remember and tell that the level is another one."""
        after = account.level.value
        self.remember(account, what.value, after, detail)
        told = f"level {before} became {after}: {detail}"
        self.tell(what, account, before=before.value, after=after, trigger=trigger, detail=told)

    def tier_moved(self, what: What, account: Account, before: Tier, trigger: str, detail: str) -> None:
        """Remember and tell that the tier is another one."""
        after = account.tier.value
        self.remember(account, "airlock", after, detail, trigger[:300])
        told = f"airlock tier {before} became {after}: {detail}"
        self.tell(what, account, before=before.value, after=after, trigger=trigger, detail=told)

    def remember(self, account: Account, kind: str, name: str, detail: str, target: str = "") -> None:
        """Note something that gives no points."""
        account.remember(SessionNote(self.now + self.ahead, kind, name, target, detail[:300]))

    def _is_calm(self, key: str) -> bool:
        account = self.accounts.get(key)
        return account is None or account.is_calm


def is_exempt(action: Action, adaptive: Adaptive) -> bool:
    """Whether adaptive enforcement does not look at the action's host."""
    return folded(action.host) in adaptive.exempt


def profile_of(action: Action) -> str:
    """The profile whose budget holds; empty for the defaults'."""
    return action.identity.profile if action.identity is not None else ""
