"""Budgets: what one session may use up before it is told to come back later.

Charged when something is about to be judged, so that a thousand requests at once don't all find room. A request that is
refused for another reason was made all the same: an agent that runs in circles uses up its budget.
"""

from __future__ import annotations

import msgspec

from pipelock.engine.sessions.account import Use
from pipelock.engine.sessions.policy import Budget
from pipelock.model import Action, BlockReason, BudgetUse, Kind

__all__ = ["Refusal", "charge", "is_request", "shown", "wire_size"]


class Refusal(msgspec.Struct, frozen=True):
    """Which budget is used up, in a sentence that says when it begins anew."""

    name: str
    reason: str
    code: BlockReason


def is_request(action: Action) -> bool:
    """Whether it counts as a request. A tunnel that is opened does not: its requests do."""
    return action.kind is Kind.REQUEST or (action.kind is Kind.CONNECT and not action.opened)


def wire_size(action: Action) -> int:
    """Body bytes that `action` brings."""
    if action.size or action.kind.is_part:
        return action.size
    return len(action.body)


def charge(use: Use, budget: Budget, now: float, *, requests: int, size: int, domain: int | None) -> Refusal | None:
    """Take from the budget, or say what of it is used up; then nothing is taken.

    Args:
        use: What was used so far.
        budget: What may be.
        now: Monotonic seconds.
        requests: 1 for a request, 0 for anything else.
        size: Bytes.
        domain: The hash of a domain that is about to be talked to, `None` where it was counted.
    """
    if use.since < 0 or (budget.window and now - use.since >= budget.window):
        use.since, use.requests, use.bytes, use.told = now, 0, 0, ""
        use.domains.clear()
    refusal = _exceeded(use, budget, now, requests=requests, size=size, domain=domain)
    if refusal is not None:
        return refusal
    use.requests += requests
    use.bytes += size
    if domain is not None and budget.domains:
        use.domains.add(domain)
    return None


def _exceeded(use: Use, budget: Budget, now: float, *, requests: int, size: int, domain: int | None) -> Refusal | None:
    anew_in = use.since + budget.window - now if budget.window else 0.0
    if budget.wall_clock and now - use.since >= budget.wall_clock:
        return _refusal("wall_clock", f"{budget.wall_clock / 60:g} minutes", anew_in)
    if budget.requests and requests and use.requests + requests > budget.requests:
        return _refusal("requests", f"{budget.requests} requests", anew_in)
    is_new = domain is not None and domain not in use.domains
    if budget.domains and is_new and len(use.domains) >= budget.domains:
        return _refusal("unique_domains", f"{budget.domains} domains", anew_in)
    if budget.bytes and (use.bytes + size > budget.bytes or (requests and use.bytes >= budget.bytes)):
        return _refusal("bytes", f"{budget.bytes} bytes", anew_in, BlockReason.DATA_BUDGET)
    return None


def _refusal(name: str, amount: str, anew_in: float, code: BlockReason = BlockReason.RATE_LIMIT) -> Refusal:
    when = f"it begins anew in {max(1, round(anew_in))} s" if anew_in else "it does not begin anew by itself"
    return Refusal(name, f"this session's budget of {amount} is used up; {when}", code)


def shown(use: Use, budget: Budget, now: float) -> tuple[BudgetUse, ...]:
    """The budgets that have a limit, as used now."""
    begun = use.since >= 0 and not (budget.window and now - use.since >= budget.window)
    lived = int(now - use.since) if begun else 0
    rows = (
        ("requests", use.requests, budget.requests),
        ("bytes", use.bytes, budget.bytes),
        ("unique_domains", len(use.domains), budget.domains),
        ("wall_clock_seconds", lived, int(budget.wall_clock)),
    )
    return tuple(BudgetUse(name, used if begun else 0, limit) for name, used, limit in rows if limit)
