"""What waits for a person, what persons answered, and how far an answer reaches. Pure: time comes in."""

from __future__ import annotations

from pipelock.engine.approvals.grants import MAX_GRANTS
from pipelock.engine.approvals.kept import wrong_with
from pipelock.engine.approvals.limits import (
    Answered,
    ApprovalLimits,
    ApprovalRefused,
    BadAnswerError,
    Settled,
    StaleAnswerError,
)
from pipelock.engine.approvals.prompts import MAX_PROMPTS, PromptRate
from pipelock.engine.approvals.queue import LEASE_SECONDS, MAX_LEASE_SECONDS, Approvals
from pipelock.engine.approvals.revise import is_same_question, redacted_body, text_of
from pipelock.engine.approvals.words import grant_words

__all__ = [
    "LEASE_SECONDS",
    "MAX_GRANTS",
    "MAX_LEASE_SECONDS",
    "MAX_PROMPTS",
    "Answered",
    "ApprovalLimits",
    "ApprovalRefused",
    "Approvals",
    "BadAnswerError",
    "PromptRate",
    "Settled",
    "StaleAnswerError",
    "grant_words",
    "is_same_question",
    "redacted_body",
    "text_of",
    "wrong_with",
]
