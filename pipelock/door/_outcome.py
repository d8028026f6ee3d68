"""What a held action's end means for its decision."""

from __future__ import annotations

import msgspec

from pipelock.engine import Settled, code_for
from pipelock.model import BlockReason, Decision, Outcome, Verdict

__all__ = ["allowed", "concluded", "denied"]

# How the client is told, where the end itself is the reason; otherwise the layer that asked gives the code, with 403.
_TOLD = {
    Outcome.EXPIRED: (BlockReason.TIMEOUT, 403),
    Outcome.QUEUE_FULL: (BlockReason.RATE_LIMIT, 429),
    Outcome.WITHDRAWN: (BlockReason.TIMEOUT, 503),
}


def concluded(decision: Decision, settled: Settled, held_ms: int) -> Decision:
    """The final decision about an action that was held for `held_ms` milliseconds."""
    answer = settled.answer
    note = answer.note if answer is not None else ""
    match settled.outcome:
        case Outcome.APPROVED:
            return allowed(decision, settled.outcome, note=note, held_ms=held_ms)
        case Outcome.DENIED:
            reason = f"the operator denied this: {note}" if note else "the operator denied this"
        case Outcome.EXPIRED:
            reason = f"{decision.reason}; nobody answered within {held_ms // 1000} s, so it was denied this once"
        case Outcome.ABANDONED:
            reason = "the client went away while a person was asked"
        case _:
            reason = f"{decision.reason}; the daemon stopped before anyone answered"
    return denied(decision, settled.outcome, reason, note=note, held_ms=held_ms)


def allowed(decision: Decision, outcome: Outcome, *, note: str = "", held_ms: int = 0) -> Decision:
    """A person said yes, now or earlier in this session. What was found still counts as a warning."""
    how = "once" if outcome is Outcome.APPROVED else "before"
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.WARN if decision.findings else Verdict.ALLOW,
        reason=f"{decision.reason}; the operator allowed it {how}",
        outcome=outcome,
        note=note,
        held_ms=held_ms,
    )


def denied(decision: Decision, outcome: Outcome, reason: str, *, note: str = "", held_ms: int = 0) -> Decision:
    """Nobody said yes: refused, this once."""
    rule = decision.findings[0].rule if decision.findings else ""
    code, status = _TOLD.get(outcome) or (code_for(decision.layer, rule), 403)
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.BLOCK,
        code=code,
        status=status,
        reason=reason,
        outcome=outcome,
        note=note,
        held_ms=held_ms,
    )
