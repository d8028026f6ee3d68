"""The engine's answer, and the record of it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipelock.model._action import ActionSummary
from pipelock.model._finding import Finding
from pipelock.model._grant import Lifetime, Scope
from pipelock.model._reason import BlockReason
from pipelock.model._session import TaintLevel
from pipelock.model._verdict import Verdict

__all__ = ["MAX_EDIT", "MAX_NOTE", "Answer", "AnswerWord", "Decision", "Outcome", "Record", "TaintWeighed"]


MAX_NOTE = 500
"""Characters of an operator's words that travel: a note, a reason, a label."""
MAX_EDIT = 256 * 1024
"""Bytes of a body that a person may change, and of what they put in its place."""


class AnswerWord(StrEnum):
    """What a person may answer to a held action."""

    ALLOW = "allow"
    DENY = "deny"
    REDACT = "redact"
    """Send it without what was found."""
    EDIT = "edit"
    """Send another body instead."""


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's answer.

    Attributes:
        word: What is to be done. `REDACT` and `EDIT` are for this once.
        scope: What else the answer covers.
        lifetime: For how long.
        note: Reaches the agent with a denial; at most `MAX_NOTE` characters.
        by: Who answered.
        body: For `EDIT`, what is sent instead; at most `MAX_EDIT` bytes.
    """

    word: AnswerWord
    scope: Scope = Scope.PAYLOAD
    lifetime: Lifetime = Lifetime.ONCE
    note: str = ""
    by: str = ""
    body: bytes | None = None


class Outcome(StrEnum):
    """How a held action ended."""

    APPROVED = "approved"
    REDACTED = "redacted"
    """Approved without what was found, or with another body."""
    GRANTED = "granted"
    """An earlier approval covers it."""
    DENIED = "denied"
    DENIED_BEFORE = "denied_before"
    """An earlier denial covers it."""
    EXPIRED = "expired"
    UNATTENDED = "unattended"
    QUEUE_FULL = "queue_full"
    ABANDONED = "abandoned"
    """The client went away while it waited."""
    WITHDRAWN = "withdrawn"
    """Policy, kill switch or shutdown decided before a person did."""


class TaintWeighed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What taint had to say about an action, and what that rests on. The words are those of docs/taint.md.

    Attributes:
        level: The worst that the session had read, and that nobody had forgiven.
        action_class: What the action does: publish, secret, network…
        sensitivity: How delicate its path is: normal, elevated, protected.
        authority: On whose word it is done: user_broad, policy, operator_override…
        verdict: What taint demanded: allow (an override covers it), ask or block.
        source: URL of the latest of the worst that was read, without its query, safe to show.
        source_kind: What that came as: response, connect…
        override: The override that made the difference, in words.
    """

    level: TaintLevel
    action_class: str
    sensitivity: str
    authority: str
    verdict: Verdict
    source: str = ""
    source_kind: str = ""
    override: str = ""


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is to be done with one action.

    Attributes:
        action_id: The action judged.
        verdict: What the transport enforces. `ASK` never reaches a transport: the door holds it.
        reason: One sentence a person and an agent can act on.
        layer: Label of the deciding layer; empty for a plain allow.
        code: The block-reason code, set exactly when `verdict` is `BLOCK`.
        status: HTTP status for a block (403, 429, 503…), 0 otherwise.
        findings: Everything that was noticed, the deciding one first.
        hint: How the operator changes this outcome; shown to clients only with `explain_blocks`.
        addresses: The judged addresses, in order; the transport dials these and nothing else.
        rule: The egress rule that decided, if one did.
        policy: First 16 hex digits of the policy hash in force.
        enforced: False where a mode turned a refusal into a warning.
        outcome: How holding ended, if it was held.
        note: The operator's words.
        by: Who answered, or gave the earlier answer that decided; empty where nobody did.
        body: Replacement body for `STRIP` and `REDACT`.
        held_ms: How long a person was waited for, milliseconds.
        grant: Id of the earlier answer that decided.
        upgraded: What the verdict was before the session's level made it stricter.
        taint: What taint had to say, where it said anything.
        hard: The refusal cannot be approved away.
        redactions: How many places of each class were replaced by placeholders in `body`.
        suppressed: What was noticed and the operator has declared harmless there; logged, and nothing more.
    """

    action_id: str
    verdict: Verdict
    reason: str = ""
    layer: str = ""
    code: BlockReason | None = None
    status: int = 0
    findings: tuple[Finding, ...] = ()
    hint: str = ""
    addresses: tuple[str, ...] = ()
    rule: str = ""
    policy: str = ""
    enforced: bool = True
    outcome: Outcome | None = None
    note: str = ""
    by: str = ""
    body: bytes | None = None
    held_ms: int = 0
    grant: str = ""
    upgraded: Verdict | None = None
    taint: TaintWeighed | None = None
    hard: bool = False
    suppressed: tuple[Finding, ...] = ()
    redactions: dict[str, int] = {}


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One decision as it is written and shown. `at` is seconds since the epoch; `took_us` the judging time."""

    at: float
    action: ActionSummary
    decision: Decision
    took_us: int = 0
