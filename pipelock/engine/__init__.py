"""The door: one synchronous judgement for every action."""

from __future__ import annotations

from pipelock.engine._suppress import CROWDED, FULL, matches_path
from pipelock.engine.approvals import (
    Answered,
    ApprovalLimits,
    ApprovalRefused,
    Approvals,
    BadAnswerError,
    PromptRate,
    Settled,
    StaleAnswerError,
    is_same_question,
    redacted_body,
    text_of,
)
from pipelock.engine.engine import Engine
from pipelock.engine.facts import Answers, Content, Facts, Lookup
from pipelock.engine.killswitch import KillSwitch
from pipelock.engine.policy import Policy
from pipelock.engine.settle import code_for, refuse
from pipelock.engine.summary import summarise

__all__ = [
    "CROWDED",
    "FULL",
    "Answered",
    "Answers",
    "ApprovalLimits",
    "ApprovalRefused",
    "Approvals",
    "BadAnswerError",
    "Content",
    "Engine",
    "Facts",
    "KillSwitch",
    "Lookup",
    "Policy",
    "PromptRate",
    "Settled",
    "StaleAnswerError",
    "code_for",
    "is_same_question",
    "matches_path",
    "redacted_body",
    "refuse",
    "summarise",
    "text_of",
]
