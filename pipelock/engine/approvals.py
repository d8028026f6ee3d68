"""Actions that wait for a person: a pure queue with explicit time.

    hold ──▶ waiting ──▶ approved | denied                         (a person answered)
      │         ├──────▶ expired                                   (deadline: denied once, no rule is written)
      │         ├──────▶ abandoned                                 (the client went away)
      │         └──────▶ withdrawn                                 (kill switch, policy or shutdown came first)
      └──▶ unattended | queue_full                                 (never waited)

One approval is bound to exactly one payload: an HMAC, under a key that lives as long as the daemon, over session,
kind, method, URL, the headers that matter, the body's digest, the policy in force and the deadline. Twins (equal in
all of that) wait in one group and get one answer; a group keeps its first member's deadline, so that a flood cannot
hold a prompt open.

Limits: `max_pending` actions in all and `max_pending_per_session` per session key; 1 000 session grants, oldest out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, OrderedDict
from collections.abc import Iterable

import msgspec

from pipelock.model import Action, ActionSummary, Answer, AnswerWord, Decision, Lifetime, Outcome, Pending

__all__ = ["MAX_GRANTS", "ApprovalLimits", "ApprovalRefused", "Approvals", "Settled", "StaleAnswerError"]

MAX_GRANTS = 1000

# Headers that never go out as the client sent them. Everything else is bound: what reaches the upstream can change
# what the request does there, and Connection says which headers do not reach it.
_VOLATILE = frozenset({"accept-encoding", "content-length", "keep-alive", "proxy-connection"})

_encoder = msgspec.json.Encoder()


class ApprovalLimits(msgspec.Struct, frozen=True):
    """Section `approvals`, and how long a response waits. A timeout of 0 waits as long as the client does."""

    timeout_seconds: float = 60.0
    response_timeout_seconds: float = 30.0
    hold_unattended: bool = False
    max_pending: int = 200
    max_pending_per_session: int = 50


class StaleAnswerError(Exception):
    """The item is gone, or what waits under its id is not what the person saw."""


class ApprovalRefused(msgspec.Struct, frozen=True):
    """`hold` did not hold."""

    outcome: Outcome
    reason: str


class Settled(msgspec.Struct, frozen=True):
    """A held action that ended. `token` is what `hold` was given."""

    token: object
    outcome: Outcome
    answer: Answer | None = None


class _Group(msgspec.Struct):
    id: str
    fingerprint: bytes
    session: str
    pending: Pending
    members: dict[int, object] = {}

    def view(self) -> Pending:
        return msgspec.structs.replace(self.pending, twins=len(self.members))


class Approvals:
    """The queue. Times are seconds since the epoch; `key` is at least 16 random bytes."""

    def __init__(self, key: bytes, limits: ApprovalLimits | None = None) -> None:
        self._key = key
        self.limits = limits or ApprovalLimits()
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._by_fingerprint: dict[bytes, _Group] = {}
        self._grants: OrderedDict[bytes, None] = OrderedDict()
        self._waiting = 0
        self._waiting_in: Counter[str] = Counter()
        self._next_id = 1
        self._next_member = 1

    def __len__(self) -> int:
        return self._waiting

    def waiting(self) -> tuple[Pending, ...]:
        """What waits, oldest first, one entry for all twins."""
        return tuple(group.view() for group in self._groups.values())

    def is_granted(self, action: Action, policy: str) -> bool:
        """Whether a person allowed exactly this payload for the rest of this session, under this policy."""
        return bool(self._grants) and self._fingerprint(action, policy) in self._grants

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
        if self._waiting_in[action.session] >= self.limits.max_pending_per_session:
            return ApprovalRefused(
                Outcome.QUEUE_FULL,
                f"this session already has {self.limits.max_pending_per_session} requests waiting; denied this once",
            )
        fingerprint = self._fingerprint(action, decision.policy)
        group = self._by_fingerprint.get(fingerprint) or self._open(
            action, summary, decision, fingerprint, now if since is None else since
        )
        member = self._next_member
        self._next_member += 1
        group.members[member] = token
        self._count(group.session, 1)
        return group.view(), member

    def answer(self, pending_id: str, answer: Answer, binding: str = "") -> tuple[Settled, ...]:
        """Settle a group as a person said.

        Raises:
            StaleAnswerError: nothing waits under that id, or `binding` names another payload.
        """
        group = self._groups.get(pending_id)
        if group is None:
            raise StaleAnswerError(f"nothing waits under {pending_id}: it was answered, expired or went away")
        if binding and not hmac.compare_digest(binding, group.pending.binding):
            raise StaleAnswerError(f"what waits under {pending_id} is not what was shown; look again")
        match answer.word:
            case AnswerWord.ALLOW:
                outcome = Outcome.APPROVED
                if answer.lifetime is Lifetime.SESSION:
                    self._grants[group.fingerprint] = None
                    while len(self._grants) > MAX_GRANTS:
                        self._grants.popitem(last=False)
            case _:
                outcome = Outcome.DENIED
        return self._settle(group, outcome, answer)

    def expire(self, now: float) -> tuple[Settled, ...]:
        """Settle every group whose deadline has passed."""
        due = [g for g in self._groups.values() if g.pending.expires_at and g.pending.expires_at <= now]
        return tuple(settled for group in due for settled in self._settle(group, Outcome.EXPIRED))

    def next_deadline(self) -> float | None:
        """When `expire` next has something to do; `None` when never."""
        return min((g.pending.expires_at for g in self._groups.values() if g.pending.expires_at), default=None)

    def abandon(self, pending_id: str, member: int) -> tuple[Settled | None, Pending | None]:
        """The client of one member went away.

        Returns:
            What settled, and the group as it now looks if others still wait in it.
        """
        group = self._groups.get(pending_id)
        if group is None or member not in group.members:
            return None, None
        token = group.members.pop(member)
        self._count(group.session, -1)
        settled = Settled(token, Outcome.ABANDONED)
        if group.members:
            return settled, group.view()
        self._close(group)
        return settled, None

    def withdraw(self, pending_id: str) -> tuple[Settled, ...]:
        """Take a group back: something stronger than a person decided. Nothing where nothing waits under that id."""
        group = self._groups.get(pending_id)
        return () if group is None else self._settle(group, Outcome.WITHDRAWN)

    def tokens(self, pending_id: str) -> tuple[object, ...]:
        """The tokens that wait under an id."""
        group = self._groups.get(pending_id)
        return () if group is None else tuple(group.members.values())

    def _count(self, session: str, change: int) -> None:
        self._waiting += change
        self._waiting_in[session] += change
        if not self._waiting_in[session]:
            del self._waiting_in[session]

    def _open(
        self, action: Action, summary: ActionSummary, decision: Decision, fingerprint: bytes, now: float
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
            binding=self._mac(fingerprint, [pending_id, repr(expires_at)]).hex(),
        )
        group = _Group(pending_id, fingerprint, action.session, pending)
        self._groups[pending_id] = group
        self._by_fingerprint[fingerprint] = group
        return group

    def _settle(self, group: _Group, outcome: Outcome, answer: Answer | None = None) -> tuple[Settled, ...]:
        self._close(group)
        self._count(group.session, -len(group.members))
        return tuple(Settled(token, outcome, answer) for token in group.members.values())

    def _close(self, group: _Group) -> None:
        del self._groups[group.id]
        self._by_fingerprint.pop(group.fingerprint, None)

    def _fingerprint(self, action: Action, policy: str) -> bytes:
        return self._mac(
            hashlib.sha256(action.body).digest(),
            [
                action.session,
                action.kind,
                action.transport,
                action.method,
                action.url,
                str(action.status),
                policy,
                *_headers_that_matter(action.headers),
            ],
        )

    def _mac(self, head: bytes, fields: list[str]) -> bytes:
        return hmac.new(self._key, head + _encoder.encode(fields), hashlib.sha256).digest()


def _headers_that_matter(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers if name not in _VOLATILE]
