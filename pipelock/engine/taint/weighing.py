"""Whether an action may go out, given what its session has read. Pure: one row, one action, one answer."""

from __future__ import annotations

import msgspec

from pipelock.engine.taint.classes import (
    ActionClass,
    Authority,
    Sensitivity,
    carries,
    classify,
    secret_in,
    sensitivity_of,
)
from pipelock.engine.taint.hosts import Standing
from pipelock.engine.taint.lamps import has_credentials
from pipelock.engine.taint.matrix import answer
from pipelock.engine.taint.overrides import Override
from pipelock.engine.taint.policy import TaintPolicy
from pipelock.engine.taint.sources import Source
from pipelock.engine.taint.table import Row
from pipelock.model import Action, BlockReason, Decision, TaintLevel, TaintWeighed, Verdict, escape, strictest

__all__ = ["Weighing", "standing_of", "weigh_action"]

_LISTED = frozenset({Standing.INTERNAL, Standing.REFERENCE, Standing.LISTED})
_WORDS = {
    ActionClass.WRITE: "change something at",
    ActionClass.EXEC: "run something at",
    ActionClass.SECRET: "send a secret to",
    ActionClass.PUBLISH: "send data to",
    ActionClass.NETWORK: "open a way out to",
}
_MAX_OVERRIDE_WORDS = 300


class Weighing(msgspec.Struct, frozen=True):
    """What taint says of one action. `seen` and `does` are halves of a sentence: what was read, what is to be done."""

    told: TaintWeighed
    seen: str = ""
    does: str = ""

    @property
    def code(self) -> BlockReason:
        """What a client is told of a refusal: that it was led astray, or that policy wants a person's word."""
        hostile = self.told.level is TaintLevel.HOSTILE
        return BlockReason.PROMPT_INJECTION if hostile else BlockReason.REQUEST_POLICY_DENY

    def reason(self, host: str) -> str:
        """The whole sentence; `host` is the destination, safe to show."""
        asks = self.told.verdict is Verdict.ASK
        end = "so a person has to allow it" if asks else "which is refused until a new task begins"
        return f"this session {self.seen}, and this would {self.does} {host}, {end}"


class _Case(msgspec.Struct, frozen=True):
    """What is weighed against what was read. `leaks`: private data could leave for a host in no list."""

    what: ActionClass
    sensitivity: Sensitivity
    authority: Authority
    leaks: bool

    def demand(self, policy: TaintPolicy, level: TaintLevel, authority: Authority) -> Verdict:
        leak = policy.trifecta if self.is_leak(level, authority) else Verdict.ALLOW
        if not policy.enabled:
            return leak
        return strictest((leak, answer(policy.profile, level, self.what, self.sensitivity, authority)))

    def is_leak(self, level: TaintLevel, authority: Authority) -> bool:
        """Whether it would light the third lamp, or all three are lit and it would do what they warn of."""
        tainted = level.rank >= TaintLevel.UNTRUSTED.rank
        return self.leaks and tainted and authority is not Authority.OPERATOR_OVERRIDE


def standing_of(action: Action, policy: TaintPolicy) -> Standing:
    """The standing of the action's host; an upstream that config names for this very road is the operator's own."""
    return Standing.INTERNAL if action.named else policy.standings.of(action.host)


def weigh_action(
    row: Row, action: Action, decision: Decision, policy: TaintPolicy, *, vouched: bool, wall: float
) -> Weighing | None:
    """What taint demands of a request, CONNECT or outbound message; `None` where it has nothing to say.

    Args:
        row: What the session has read.
        action: What is about to be done.
        decision: What everybody else says of it.
        policy: Section `taint`.
        vouched: An egress rule that names the host lets it through.
        wall: Seconds since the epoch.
    """
    if row.level.rank < TaintLevel.UNTRUSTED.rank:
        return None
    standing = standing_of(action, policy)
    what = classify(action, decision.findings, standing)
    if what.is_read_like:
        return None
    listed = vouched or standing in _LISTED
    case = _Case(
        what=what,
        sensitivity=sensitivity_of(action.url, policy.protected, policy.elevated),
        authority=Authority.POLICY if listed else Authority.USER_BROAD,
        leaks=standing is Standing.OUTSIDE and not vouched and carries(action) and _is_private(row, action, decision),
    )
    bare = case.demand(policy, row.level, case.authority)
    if bare is Verdict.ALLOW:
        return None
    return _weighing(row, case, policy, bare, _excuses(row, what, action, policy, wall))


def _weighing(row: Row, case: _Case, policy: TaintPolicy, bare: Verdict, excuses: tuple[Override, ...]) -> Weighing:
    """What remains of the demand `bare` with these overrides."""
    level, authority, verdict = row.level, case.authority, bare
    if excuses:
        if any(not one.source for one in excuses):
            authority = Authority.OPERATOR_OVERRIDE
        else:
            level = row.level_without(excuses)
        verdict = case.demand(policy, level, authority)
    source = _worst(row)
    told = TaintWeighed(
        level=level,
        action_class=case.what.value,
        sensitivity=case.sensitivity.value,
        authority=authority.value,
        verdict=verdict,
        source=source.url if source else "",
        source_kind=source.kind if source else "",
        override=_words(excuses) if verdict is not bare else "",
    )
    of = f" ({source.host})" if source and source.host else ""
    if level is TaintLevel.HOSTILE:
        seen = f"has read text that gives orders to agents{of}"
    else:
        seen = f"has read content from outside{of}"
    if policy.trifecta is not Verdict.ALLOW and case.is_leak(level, authority):
        seen = f"{seen} and touched something private"
    return Weighing(told, seen, _WORDS[case.what])


def _is_private(row: Row, action: Action, decision: Decision) -> bool:
    return row.private.lit or secret_in(decision.findings) is not None or has_credentials(action.headers)


def _excuses(row: Row, what: ActionClass, action: Action, policy: TaintPolicy, wall: float) -> tuple[Override, ...]:
    """The overrides in force that are about this action, config's and the task's."""
    if not policy.overrides and not row.overrides:
        return ()
    every = (*policy.overrides, *row.overrides)
    return tuple(one for one in every if wall < one.expires and one.allows(what, action.method, action.url))


def _words(excuses: tuple[Override, ...]) -> str:
    return escape("; ".join(one.words for one in excuses))[:_MAX_OVERRIDE_WORDS]


def _worst(row: Row) -> Source | None:
    """The latest of the worst that is still known."""
    return max(reversed(row.sources.values()), key=lambda one: one.level.rank, default=None)
