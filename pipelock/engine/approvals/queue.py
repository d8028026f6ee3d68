"""Actions that wait for a person: a pure queue with explicit time.

    hold ──▶ waiting ──▶ approved | redacted | denied              (a person answered)
      │         ├──────▶ expired                                   (deadline: denied once, no rule is written)
      │         ├──────▶ abandoned                                 (the client went away)
      │         └──────▶ withdrawn                                 (kill switch, policy or shutdown came first)
      └──▶ unattended | queue_full                                 (never waited)

One approval is bound to exactly one payload: an HMAC, under a key that lives as long as the daemon, over session,
kind, method, URL, the headers that matter, the body's digest, the policy in force and the deadline. Twins (equal in
all of that) wait in one group and get one answer; a group keeps its first member's deadline, so that a flood cannot
hold a prompt open. While somebody looks at a group its deadline moves on, by 10 minutes in all.

An answer with a wider scope settles what else waits and is covered by it, but for what a scanner has flagged; with a
lifetime of more than this once it leaves a grant.

Limits: `max_pending` actions in all and `max_pending_per_session` per session, or for all of an address that could
choose their session (`account_of`); `MAX_GRANTS` grants.
"""

from __future__ import annotations

import hmac
from collections import Counter, OrderedDict
from collections.abc import Callable

import msgspec

from pipelock.engine.approvals.asked import Asked, Key, asked_of, key_of, lookup_keys
from pipelock.engine.approvals.fingerprint import Fingerprints, digest_of
from pipelock.engine.approvals.grants import Grants
from pipelock.engine.approvals.limits import (
    Answered,
    ApprovalLimits,
    ApprovalRefused,
    BadAnswerError,
    Settled,
    StaleAnswerError,
)
from pipelock.engine.approvals.revise import is_editable, is_redactable
from pipelock.engine.approvals.scopes import made, offers_for
from pipelock.engine.approvals.taken import taken
from pipelock.engine.sessions.account import account_of
from pipelock.model import (
    Action,
    ActionSummary,
    Answer,
    AnswerWord,
    Decision,
    Grant,
    Lifetime,
    Offer,
    Outcome,
    Pending,
    Scope,
)

__all__ = ["LEASE_SECONDS", "MAX_LEASE_SECONDS", "Approvals"]

LEASE_SECONDS = 10.0
"""How long the countdown stands still each time somebody looks."""
MAX_LEASE_SECONDS = 600.0
"""How long it may stand still in all."""

_OUTCOMES = {
    AnswerWord.ALLOW: Outcome.APPROVED,
    AnswerWord.DENY: Outcome.DENIED,
    AnswerWord.REDACT: Outcome.REDACTED,
    AnswerWord.EDIT: Outcome.REDACTED,
}


class _Group(msgspec.Struct):
    id: str
    fingerprint: bytes
    pending: Pending
    asked: Asked
    account: str
    policy: str
    keys: frozenset[Key]
    """Under which a wider answer would be filed that settles this group too; none where it is flagged."""
    wider: tuple[tuple[Offer, Key], ...]
    """The offers beyond the payload, and under what an answer to them would be filed."""
    members: dict[int, object] = {}
    leased: float = 0.0
    lease_ends: float = 0.0

    @property
    def expires_at(self) -> float:
        return self.pending.expires_at + self.leased if self.pending.expires_at else 0.0


class Approvals:
    """The queue and the grants.

    Times are seconds since the epoch, but for `steady`: monotonic seconds, which nobody sets. `key` is at least 16
    random bytes. `keep` writes down all grants that hold for good, or raises BadAnswerError; without it there is no
    such offer.
    """

    def __init__(self, key: bytes, limits: ApprovalLimits | None = None) -> None:
        self.limits = limits or ApprovalLimits()
        self.grants = Grants()
        self.keep: Callable[[tuple[Grant, ...]], None] | None = None
        self._prints = Fingerprints(key)
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._by_fingerprint: dict[bytes, _Group] = {}
        self._waiting = 0
        self._waiting_in: Counter[str] = Counter()
        self._waiting_for: Counter[Key] = Counter()
        self._next_id = 1
        self._next_member = 1
        self._next_grant = 1

    def __len__(self) -> int:
        return self._waiting

    def waiting(self) -> tuple[Pending, ...]:
        """What waits, oldest first, one entry for all twins."""
        return tuple(self._view(group) for group in self._groups.values())

    def covering(self, action: Action, decision: Decision, now: float, steady: float) -> Grant | None:
        """The earlier answer that decides what `decision` asks about; `None` where a person must be asked."""
        if not len(self.grants):
            return None
        return self.grants.covering(self._asked(action, decision, digest_of(action)), now, steady)

    # -- waiting ---------------------------------------------------------------------------------------------------

    def hold(
        self,
        action: Action,
        summary: ActionSummary,
        decision: Decision,
        token: object,
        now: float,
        *,
        attended: bool,
        since: float | None = None,
        leased: float = 0.0,
    ) -> tuple[Pending, int] | ApprovalRefused:
        """Park `action`.

        Args:
            action: What waits.
            summary: How a person is shown it.
            decision: The decision that asks.
            token: Comes back when it is settled.
            now: Seconds since the epoch.
            attended: Whether somebody is there to answer.
            since: When it first began to wait, for what was judged again meanwhile: its deadline counts from then.
            leased: How long its countdown has stood still before, in seconds.

        Returns:
            What a person is shown and the member number for `abandon`, or why it was not parked.
        """
        if not attended and not self.limits.hold_unattended:
            return ApprovalRefused(
                Outcome.UNATTENDED,
                "this needs a person's approval and no dashboard is attached, so it was denied at once; "
                "open `pipelock tui` and try again",
            )
        if len(self) >= self.limits.max_pending:
            return ApprovalRefused(
                Outcome.QUEUE_FULL, f"{self.limits.max_pending} requests already wait for a person; denied this once"
            )
        if self._waiting_in[account_of(action)] >= self.limits.max_pending_per_session:
            return ApprovalRefused(
                Outcome.QUEUE_FULL,
                f"this session already has {self.limits.max_pending_per_session} requests waiting; denied this once",
            )
        digest = digest_of(action)
        fingerprint = self._prints.of(action, digest, decision.policy, action.session)
        group = self._by_fingerprint.get(fingerprint)
        if group is None:
            asked = self._asked(action, decision, digest)
            group = self._open(action, summary, decision, asked, fingerprint, now if since is None else since)
            group.leased = leased
        member = self._next_member
        self._next_member += 1
        group.members[member] = token
        self._count(group, 1)
        return self._view(group), member

    def look_at(self, pending_id: str, now: float) -> Pending:
        """Somebody looks: the countdown stands still for `LEASE_SECONDS` from now.

        Raises:
            StaleAnswerError: nothing waits under that id.
        """
        group = self._found(pending_id)
        if group.pending.expires_at:
            start = max(now, group.lease_ends)
            more = min(now + LEASE_SECONDS - start, MAX_LEASE_SECONDS - group.leased)
            if more > 0:
                group.lease_ends = start + more
                group.leased += more
        return self._view(group)

    def leased(self, pending_id: str) -> float:
        """How long the countdown of a group has stood still, in seconds."""
        group = self._groups.get(pending_id)
        return 0.0 if group is None else group.leased

    def unpaused(self, now: float) -> tuple[Pending, ...]:
        """The groups whose countdown has begun to run again; each is told once."""
        over = [group for group in self._groups.values() if 0 < group.lease_ends <= now]
        for group in over:
            group.lease_ends = 0.0
        return tuple(self._view(group) for group in over)

    def expire(self, now: float) -> tuple[Settled, ...]:
        """Settle every group whose deadline has passed."""
        due = [group for group in self._groups.values() if 0 < group.expires_at <= now]
        return tuple(settled for group in due for settled in self._settle(group, Outcome.EXPIRED))

    def next_change(self) -> float | None:
        """When `expire` or `unpaused` next has something to do; `None` when never."""
        times = (time for group in self._groups.values() for time in (group.expires_at, group.lease_ends) if time)
        return min(times, default=None)

    def abandon(self, pending_id: str, member: int) -> tuple[Settled | None, Pending | None]:
        """The client of one member went away.

        Returns:
            What settled, and the group as it now looks if others still wait in it.
        """
        group = self._groups.get(pending_id)
        if group is None or member not in group.members:
            return None, None
        token = group.members.pop(member)
        self._count(group, -1)
        settled = Settled(token, Outcome.ABANDONED)
        if group.members:
            return settled, self._view(group)
        self._close(group)
        return settled, None

    def withdraw(self, pending_id: str) -> tuple[Settled, ...]:
        """Take a group back: something stronger than a person decided. Nothing where nothing waits under that id."""
        group = self._groups.get(pending_id)
        return () if group is None else self._settle(group, Outcome.WITHDRAWN)

    def ids(self) -> tuple[str, ...]:
        """Under which ids something waits, oldest first."""
        return tuple(self._groups)

    def tokens(self, pending_id: str) -> tuple[object, ...]:
        """The tokens that wait under an id."""
        group = self._groups.get(pending_id)
        return () if group is None else tuple(group.members.values())

    # -- answers ---------------------------------------------------------------------------------------------------

    def answer(
        self, pending_id: str, answer: Answer, binding: str = "", now: float = 0.0, steady: float = 0.0
    ) -> Answered:
        """Settle a group, and what else the answer covers, as a person said.

        Raises:
            StaleAnswerError: nothing waits under that id, or `binding` names another payload.
            BadAnswerError: this was not offered, or can't be kept; nothing is settled.
        """
        group = self._bound(pending_id, binding)
        offer = taken(group.pending, answer)
        grant = None
        if answer.lifetime is not Lifetime.ONCE:
            grant = made(group.asked, offer, answer, self._grant_id(), now)
            if grant.lifetime is Lifetime.FOREVER:
                self._keep(grant)
            self.grants.add(grant, steady, group.policy, group.asked.born)
        outcome = _OUTCOMES[answer.word]
        settled = [
            (one.id, self._settle(one, outcome, answer, grant.id if grant else ""))
            for one in (group, *self._also(group, answer))
        ]
        return Answered(tuple(settled), grant)

    def check(self, pending_id: str, binding: str) -> None:
        """Make sure that what waits under an id is what was shown; an empty `binding` is not compared.

        Raises:
            StaleAnswerError: nothing waits there, or `binding` names another payload.
        """
        self._bound(pending_id, binding)

    def _bound(self, pending_id: str, binding: str) -> _Group:
        group = self._found(pending_id)
        if binding and not hmac.compare_digest(binding, group.pending.binding):
            raise StaleAnswerError(f"what waits under {pending_id} is not what was shown; look again")
        return group

    def _found(self, pending_id: str) -> _Group:
        group = self._groups.get(pending_id)
        if group is None:
            raise StaleAnswerError(f"nothing waits under {pending_id}: it was answered, expired or went away")
        return group

    def _also(self, group: _Group, answer: Answer) -> list[_Group]:
        """What else waits and is covered. What a scanner has flagged is answered by itself."""
        if answer.scope is Scope.PAYLOAD or group.asked.flagged:
            return []
        key = key_of(group.asked, answer.scope)
        everywhere = answer.lifetime is not Lifetime.SESSION
        return [
            other
            for other in self._groups.values()
            if other is not group and key in other.keys and (everywhere or other.asked.session == group.asked.session)
        ]

    def _keep(self, grant: Grant) -> None:
        if self.keep is None:
            raise BadAnswerError("nothing is kept for good here")
        self.keep(self.grants.kept_with(grant))

    def _grant_id(self) -> str:
        while True:
            number = self._next_grant
            self._next_grant += 1
            name = f"g{self._prints.mac(b'grant', [str(number)]).hex()[:8]}"
            if self.grants.get(name) is None:
                return name

    # -- the table -------------------------------------------------------------------------------------------------

    def _asked(self, action: Action, decision: Decision, digest: bytes) -> Asked:
        return asked_of(action, decision, self._prints.of(action, digest, decision.policy, "").hex())

    def _view(self, group: _Group) -> Pending:
        offers = group.pending.offers
        if not group.asked.flagged:
            offers = (offers[0], *(self._counted(group, offer, key) for offer, key in group.wider))
        return msgspec.structs.replace(
            group.pending,
            twins=len(group.members),
            expires_at=group.expires_at,
            paused=group.lease_ends > 0,
            offers=offers,
        )

    def _counted(self, group: _Group, offer: Offer, key: Key) -> Offer:
        others = self._waiting_for[key] - len(group.members)
        return msgspec.structs.replace(offer, covers=others) if others > 0 else offer

    def _count(self, group: _Group, change: int) -> None:
        self._waiting += change
        self._waiting_in[group.account] += change
        if not self._waiting_in[group.account]:
            del self._waiting_in[group.account]
        for key in group.keys:
            self._waiting_for[key] += change
            if not self._waiting_for[key]:
                del self._waiting_for[key]

    def _open(  # noqa: PLR0917 - what a group is made of
        self, action: Action, summary: ActionSummary, decision: Decision, asked: Asked, fingerprint: bytes, now: float
    ) -> _Group:
        pending_id = str(self._next_id)
        self._next_id += 1
        is_response = action.comes_in
        timeout = self.limits.response_timeout_seconds if is_response else self.limits.timeout_seconds
        expires_at = now + timeout if timeout else 0.0
        pending = Pending(
            id=pending_id,
            group=fingerprint.hex()[:16],
            action=summary,
            reason=decision.reason,
            rule=decision.rule,
            findings=decision.findings,
            held_at=now,
            expires_at=expires_at,
            binding=self._prints.mac(fingerprint, [pending_id, repr(expires_at)]).hex(),
            offers=offers_for(asked, summary, keeps=self.keep is not None),
            processes=action.identity.processes if action.identity is not None else (),
            editable=is_editable(action, decision),
            redactable=is_redactable(action, decision),
            taint=decision.taint,
        )
        keys = frozenset() if asked.flagged else frozenset(lookup_keys(asked))
        wider = tuple((offer, key_of(asked, offer.scope)) for offer in pending.offers[1:])
        group = _Group(pending_id, fingerprint, pending, asked, account_of(action), decision.policy, keys, wider)
        self._groups[pending_id] = group
        self._by_fingerprint[fingerprint] = group
        return group

    def _settle(
        self, group: _Group, outcome: Outcome, answer: Answer | None = None, grant: str = ""
    ) -> tuple[Settled, ...]:
        self._close(group)
        self._count(group, -len(group.members))
        return tuple(Settled(token, outcome, answer, grant) for token in group.members.values())

    def _close(self, group: _Group) -> None:
        del self._groups[group.id]
        self._by_fingerprint.pop(group.fingerprint, None)
