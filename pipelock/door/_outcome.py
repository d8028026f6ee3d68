"""What a held action's end means for its decision."""

from __future__ import annotations

import msgspec

from pipelock.engine import Settled, code_for
from pipelock.model import AnswerWord, BlockReason, Decision, Grant, Lifetime, Outcome, Verdict

__all__ = ["changed", "concluded", "covered", "denied"]

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
            lifetime = answer.lifetime if answer is not None else Lifetime.ONCE
            how = "once" if lifetime is Lifetime.ONCE else lifetime.words
            ended = _allowed(decision, Outcome.APPROVED, f"the operator allowed it {how}", note)
        case Outcome.DENIED:
            ended = denied(decision, Outcome.DENIED, _no("the operator denied this", note), note=note)
        case Outcome.EXPIRED:
            reason = f"{decision.reason}; nobody answered within {held_ms // 1000} s, so it was denied this once"
            ended = denied(decision, Outcome.EXPIRED, reason)
        case Outcome.ABANDONED:
            ended = denied(decision, Outcome.ABANDONED, "the client went away while a person was asked")
        case _:
            reason = f"{decision.reason}; the daemon stopped before anyone answered"
            ended = denied(decision, settled.outcome, reason, note=note)
    by = answer.by if answer is not None else ""
    return msgspec.structs.replace(ended, held_ms=held_ms, grant=settled.grant, by=by)


def covered(decision: Decision, grant: Grant) -> Decision:
    """The final decision about an action that an earlier answer covers."""
    if grant.allow:
        ended = _allowed(decision, Outcome.GRANTED, f"the operator allowed it before ({grant.id})", grant.note)
    else:
        reason = _no("the operator denied this before", grant.note)
        ended = denied(decision, Outcome.DENIED_BEFORE, reason, note=grant.note)
    return msgspec.structs.replace(ended, grant=grant.id, by=grant.by)


def changed(decision: Decision, settled: Settled, held_ms: int, body: bytes, comes_in: bool) -> Decision:  # noqa: FBT001 - a fact
    """The final decision about what a person changed, as it was judged then; `body` is what goes on."""
    answer = settled.answer
    edited = answer is not None and answer.word is AnswerWord.EDIT
    note, by = (answer.note, answer.by) if answer is not None else ("", "")
    how = "with another body" if edited else "without what was found"
    if decision.verdict is Verdict.BLOCK:
        reason = f"the operator sent it {how}, and that was refused: {decision.reason}"
        return msgspec.structs.replace(
            decision, reason=reason, outcome=Outcome.REDACTED, note=note, by=by, held_ms=held_ms
        )
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.STRIP if comes_in else Verdict.REDACT,
        reason=f"the operator sent it {how}",
        layer=decision.layer or "approvals",
        code=None,
        status=0,
        body=body,
        outcome=Outcome.REDACTED,
        note=note,
        by=by,
        held_ms=held_ms,
    )


def denied(
    decision: Decision, outcome: Outcome, reason: str, *, note: str = "", by: str = "", held_ms: int = 0
) -> Decision:
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
        by=by,
        held_ms=held_ms,
    )


def _allowed(decision: Decision, outcome: Outcome, how: str, note: str) -> Decision:
    """A person said yes, now or before. What was found still counts as a warning."""
    return msgspec.structs.replace(
        decision,
        verdict=Verdict.WARN if decision.findings else Verdict.ALLOW,
        reason=f"{decision.reason}; {how}",
        outcome=outcome,
        note=note,
    )


def _no(words: str, note: str) -> str:
    return f"{words}: {note}" if note else words
