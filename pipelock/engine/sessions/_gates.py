"""What a session may not do whatever it is: airlock, a level at which everything is refused, bursts, budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipelock.engine.facts import Facts
from pipelock.engine.sessions._ledger import REQUESTS, Ledger, is_exempt, profile_of
from pipelock.engine.sessions.account import Account
from pipelock.engine.sessions.airlock import objection
from pipelock.engine.sessions.budgets import charge, is_request, wire_size
from pipelock.engine.sessions.bursts import is_stopped
from pipelock.engine.sessions.changes import What
from pipelock.model import Action, BlockReason, Decision, Kind, Level, Tier, Verdict

if TYPE_CHECKING:
    from pipelock.engine.policy import Policy

__all__ = ["airlocked", "bursting", "carried", "escalated", "over_budget", "stricter", "tier_of"]

_STREAMS = frozenset({Kind.EVENT, Kind.MESSAGE})
_HINT_RESET = "`pipelock session reset` sets the session back; section adaptive_enforcement"
_HINT_RELEASE = "`pipelock session release` opens the airlock; section airlock"


def tier_of(account: Account, policy: Policy) -> Tier:
    """The tier that is enforced: where nothing else is, only what a person has set."""
    return account.tier if policy.enforce and policy.sessions.airlock is not None else account.floor


def airlocked(account: Account, action: Action, policy: Policy) -> Decision | None:
    """The airlock's refusal."""
    reason = objection(tier_of(account, policy), action) if account.tier is not Tier.NONE else ""
    return (
        _refuse(action, policy, BlockReason.AIRLOCK_ACTIVE, reason, layer="airlock", hint=_HINT_RELEASE)
        if reason
        else None
    )


def escalated(account: Account, action: Action, policy: Policy) -> Decision | None:
    """The refusal of a level at which everything is refused."""
    adaptive = policy.sessions.adaptive
    if adaptive is None or not policy.enforce or not adaptive.rule(account.level).block_all:
        return None
    if (action.comes_in and action.kind not in _STREAMS) or is_exempt(action, adaptive):
        return None  # answers to what was let through before come to their end
    reason = f"everything is refused to this session for now: it is at level {account.level}"
    return _refuse(action, policy, BlockReason.ESCALATION_LEVEL, reason, layer="escalation", hint=_HINT_RESET)


def bursting(ledger: Ledger, account: Account, action: Action, policy: Policy) -> Decision | None:
    """The refusal of still another new domain."""
    profiling, now = policy.sessions.profiling, ledger.now
    if profiling is None or not profiling.blocks or not policy.enforce or action.kind not in REQUESTS:
        return None
    if account.burst_until <= now or not is_stopped(account, ledger.domain(action.host, policy), profiling, now):
        return None
    reason = f"this session has talked to more than {profiling.burst} new domains within a short time"
    hint = "session_profiling.domain_burst; anomaly_action: warn only notes it"
    return _refuse(action, policy, BlockReason.SESSION_ANOMALY, reason, layer="session", hint=hint, status=429)


def over_budget(ledger: Ledger, account: Account, action: Action, facts: Facts, policy: Policy) -> Decision | None:
    """The refusal of more than the budget, which is charged otherwise."""
    budget = policy.sessions.budget(profile_of(action)) if policy.enforce else None
    if budget is None:
        return None
    counts = not facts.again
    asks = counts and action.kind in REQUESTS
    over = charge(
        account.use,
        budget,
        facts.now,
        requests=int(counts and is_request(action)),
        size=wire_size(action) if counts else 0,
        domain=ledger.domain(action.host, policy) if asks and budget.domains else None,
    )
    ledger.accounts.settle(account)
    if over is None:
        return None
    if account.use.told != over.name:
        account.use.told = over.name
        ledger.remember(account, "budget", over.name, over.reason, action.host)
        ledger.tell(What.BUDGET, account, ledger.rows.get(action.session), detail=over.reason, after=over.name)
    hint = "section agents, budget; `pipelock session reset` begins it anew"
    return _refuse(action, policy, over.code, over.reason, layer="budget", hint=hint, status=429)


def carried(account: Account, action: Action, count: int, facts: Facts, policy: Policy) -> str:
    """Why no more may go through the closed tunnel that `action` opened, after `count` bytes; empty where it may."""
    if account.tier is not Tier.NONE and tier_of(account, policy).rank >= Tier.HARD.rank:
        return f"the session is in the airlock (tier {account.tier}), and nobody sees what goes through a closed tunnel"
    budget = policy.sessions.budget(profile_of(action)) if policy.enforce else None
    if budget is None:
        return ""
    over = charge(account.use, budget, facts.now, requests=0, size=count, domain=None)
    return "" if over is None else over.reason


def stricter(account: Account, action: Action, decision: Decision, policy: Policy) -> Decision:
    """A warning or a question as the account's level has it. Nothing else is touched, and nothing is made weaker."""
    verdict, adaptive = decision.verdict, policy.sessions.adaptive
    if adaptive is None or not policy.enforce or account.level is Level.NORMAL:
        return decision
    rule = adaptive.rule(account.level)
    wanted = (verdict is Verdict.WARN and rule.blocks_warn) or (verdict is Verdict.ASK and rule.blocks_ask)
    if not wanted or is_exempt(action, adaptive):
        return decision
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.BLOCK,
        code=BlockReason.ESCALATION_LEVEL,
        status=403,
        layer=decision.layer or "escalation",
        reason=f"{decision.reason or 'this is let through otherwise'}; the session is at level {account.level}",
        hint=_HINT_RESET,
        addresses=(),
        body=None,
        upgraded=verdict,
    )


def _refuse(
    action: Action, policy: Policy, code: BlockReason, reason: str, *, layer: str, hint: str, status: int = 403
) -> Decision:
    return Decision(
        action_id=action.id,
        verdict=Verdict.BLOCK,
        reason=reason,
        layer=layer,
        code=code,
        status=status,
        hint=hint,
        policy=policy.hash,
        hard=True,
    )
