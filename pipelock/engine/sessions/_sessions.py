"""Sessions: the list of them, what is held against them, and what that means for what they do next.

    gate(action)      before anything is scanned: airlock, a level at which everything is refused, bursts, budgets
    upgrade(decision) after everything was weighed: a level makes warnings and questions refusals
    note(decision)    when it is final: it is counted, scored, and may raise level and tier
    recover()         every few seconds: timers
    act(wish)         a person

Times inside are monotonic seconds; what is shown is converted. Bounds: `SessionPolicy.max_sessions` rows,
`MAX_ACCOUNTS` accounts, each with lists of fixed length. Nothing here ever makes a verdict weaker.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipelock.engine.facts import Facts
from pipelock.engine.sessions import _gates
from pipelock.engine.sessions._acts import Wish, act
from pipelock.engine.sessions._ledger import Ledger
from pipelock.engine.sessions._marks import count, mark, meet, tell_refused
from pipelock.engine.sessions.account import FOREVER, MAX_ACCOUNTS, Account, account_of
from pipelock.engine.sessions.changes import Change, What
from pipelock.engine.sessions.rows import Row
from pipelock.engine.sessions.view import detail_of, session_of
from pipelock.model import (
    Action,
    ActionSummary,
    Decision,
    Kind,
    Session,
    SessionActed,
    SessionDetail,
    SessionNote,
    Verdict,
)

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["Sessions"]


class Sessions(Ledger):
    """All sessions. Not for several threads."""

    def __init__(self, accounts: int = MAX_ACCOUNTS) -> None:
        super().__init__(accounts)
        self._cleaned = -FOREVER

    def __len__(self) -> int:
        return len(self.rows)

    def obey(self, policy: Policy) -> None:
        """From now on `policy` is in force."""
        self.settings, self.enforces = policy.sessions, policy.enforce

    # -- judging -----------------------------------------------------------------------------------------------------

    def gate(self, action: Action, facts: Facts, policy: Policy) -> Decision | None:
        """Refuse what the session may not do whatever it is; `None` lets it be judged."""
        if action.kind is Kind.SCAN:
            return None
        settings = policy.sessions
        self.look_at(facts, settings)
        if action.size and action.kind.is_part and not facts.again:
            row = self.rows.get(action.session)
            if row is not None:
                row.bytes += action.size
        account = self.accounts.get(account_of(action))
        if account is None:
            if not settings.budgets:
                return None
            account = self.accounts.use(account_of(action))
        elif account.is_calm:
            if not settings.budgets and account.burst_until <= facts.now:
                return None
        else:
            self.advance(account)
        return (
            _gates.airlocked(account, action, policy)
            or _gates.escalated(account, action, policy)
            or _gates.bursting(self, account, action, policy)
            or (_gates.over_budget(self, account, action, facts, policy) if settings.budgets else None)
        )

    def upgrade(self, action: Action, decision: Decision, policy: Policy) -> Decision:
        """Make a warning or a question a refusal where the session's level says so."""
        if decision.verdict is Verdict.ALLOW or decision.verdict is Verdict.BLOCK or action.kind is Kind.SCAN:
            return decision
        account = self.accounts.get(account_of(action))
        return decision if account is None else _gates.stricter(account, action, decision, policy)

    def stopped(self, action: Action, policy: Policy) -> Decision | None:
        """The refusal, where the session has got so far since `action` passed the gate; charges nothing."""
        account = self.accounts.get(account_of(action))
        if account is None or account.is_calm:
            return None
        return _gates.airlocked(account, action, policy) or _gates.escalated(account, action, policy)

    def overtakes(self, action: Action, decision: Decision, policy: Policy) -> bool:
        """Whether the session has got where an action that waits would now be refused."""
        account = self.accounts.get(account_of(action))
        if account is None or account.is_calm:
            return False
        return (
            self.stopped(action, policy) is not None
            or _gates.stricter(account, action, decision, policy) is not decision
        )

    def meet(self, action: Action, shown: ActionSummary, wall: float) -> None:
        """Something of a session waits for a person: it is listed from now on; `wall` is seconds since the epoch."""
        if action.kind is not Kind.SCAN:
            meet(self, action, shown, wall)

    def note(self, action: Action, shown: ActionSummary, decision: Decision, facts: Facts, policy: Policy) -> None:
        """Take a final decision into account; `shown` is what may be kept of the action."""
        if action.kind is Kind.SCAN:
            return
        self.look_at(facts, policy.sessions)
        row = count(self, action, shown, decision, facts=facts, policy=policy)
        if decision.upgraded is not None or decision.layer == "airlock":
            tell_refused(self, row, self.accounts.use(row.account), action, decision)
        mark(self, row, action, decision, policy=policy)

    def carried(self, action: Action, size: int, facts: Facts, policy: Policy) -> str:
        """Count bytes that went through a closed tunnel; why no more may, empty where they may.

        Args:
            action: The one that opened the tunnel.
            size: Bytes, either way.
            facts: The time.
            policy: The policy in force.
        """
        row = self.rows.get(action.session)
        if row is not None:
            row.bytes += size
        account = self.accounts.get(account_of(action))
        return "" if account is None else _gates.carried(account, action, size, facts, policy)

    # -- looking -----------------------------------------------------------------------------------------------------

    def known(self) -> tuple[Session, ...]:
        """Every session, most recently seen first."""
        return tuple(self._shown(row) for row in reversed(list(self.rows)))

    def one(self, key: str) -> Session | None:
        """One session as listed."""
        row = self.rows.get(key)
        return None if row is None else self._shown(row)

    def inspect(self, key: str, facts: Facts) -> SessionDetail | None:
        """A session, and why it stands where it stands; `None` if it is not known."""
        row = self.rows.get(key)
        if row is None:
            return None
        self.look_at(facts, self.settings)
        account = self._account(row)
        self.advance(account)
        return detail_of(self._shown(row), account, self.taints.sources(row.account), facts.wall)

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many sessions there are of each level and of each tier; those of which there are none are left out."""
        accounts = [self._account(row) for row in self.rows]
        return dict(Counter(one.level.value for one in accounts)), dict(Counter(one.tier.value for one in accounts))

    def _account(self, row: Row) -> Account:
        return self.accounts.get(row.account) or Account(row.account)

    def _shown(self, row: Row) -> Session:
        account = self._account(row)
        return session_of(
            row, account, self.settings, self.taints, now=self.now, ahead=self.ahead, in_flight=self.in_flight(row.key)
        )

    # -- time and people ---------------------------------------------------------------------------------------------

    def recover(self, facts: Facts) -> None:
        """Let timers run out and forget the sessions that are gone. Called every few seconds."""
        self.look_at(facts, self.settings)
        for account in self.accounts.raised():
            self.end_what_may_not_go_on(account)
            self.advance(account)
        if facts.now - self._cleaned < self.settings.cleanup:
            return
        self._cleaned = facts.now
        gone = self.rows.expire(facts.wall - self.settings.ttl)
        if gone:
            self.listener(Change(what=What.EVICTED, session="", count=gone, trigger="ttl"))

    def taint_moved(self, key: str, note: SessionNote) -> None:
        """What the sessions of account `key` have read became worse, or was forgotten."""
        account = self.accounts.use(key)
        account.remember(note)
        self.tell(What.TAINT, account, detail=note.detail, after=note.type)

    def act(self, wish: Wish, facts: Facts) -> SessionActed | None:
        """Do what an operator wishes; `None` if the session is not known.

        Raises:
            ValueError: an override of taint that can't be; with a sentence.
        """
        row = self.rows.get(wish.key)
        if row is None:
            return None
        self.look_at(facts, self.settings)
        return act(self, row, self.accounts.use(row.account), wish)
