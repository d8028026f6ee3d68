"""The door: one synchronous judgement for every action."""

from __future__ import annotations

from pipelock.engine._suppress import CROWDED, FULL, matches_path
from pipelock.engine.approvals import (
    ApprovalLimits,
    ApprovalRefused,
    Approvals,
    Settled,
    StaleAnswerError,
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
    "Answers",
    "ApprovalLimits",
    "ApprovalRefused",
    "Approvals",
    "Content",
    "Engine",
    "Facts",
    "KillSwitch",
    "Lookup",
    "Policy",
    "Settled",
    "StaleAnswerError",
    "code_for",
    "matches_path",
    "refuse",
    "summarise",
]
