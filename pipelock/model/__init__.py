"""The value types that travel between the rooms. They import nothing of ours and do nothing.

Those of which there are thousands are kept out of the cycle collector (`gc=False`): frozen values hold no cycles.
"""

from __future__ import annotations

from pipelock.model._action import Action, ActionSummary, Direction, Fault, Kind, ScanKind, Transport
from pipelock.model._decision import Answer, AnswerWord, Decision, Outcome, Record
from pipelock.model._escape import escape, escape_lines
from pipelock.model._event import (
    ConfigReloaded,
    Decided,
    Event,
    Held,
    KillSwitchChanged,
    KillSwitchState,
    Notice,
    Payload,
    Released,
    Status,
    TunnelClosed,
)
from pipelock.model._finding import Category, Finding, Span
from pipelock.model._pending import Pending
from pipelock.model._reason import BlockReason, Retry, Severity
from pipelock.model._session import ANONYMOUS, Session, session_key
from pipelock.model._verdict import Verdict, strictest

__all__ = [
    "ANONYMOUS",
    "Action",
    "ActionSummary",
    "Answer",
    "AnswerWord",
    "BlockReason",
    "Category",
    "ConfigReloaded",
    "Decided",
    "Decision",
    "Direction",
    "Event",
    "Fault",
    "Finding",
    "Held",
    "KillSwitchChanged",
    "KillSwitchState",
    "Kind",
    "Notice",
    "Outcome",
    "Payload",
    "Pending",
    "Record",
    "Released",
    "Retry",
    "ScanKind",
    "Session",
    "Severity",
    "Span",
    "Status",
    "Transport",
    "TunnelClosed",
    "Verdict",
    "escape",
    "escape_lines",
    "session_key",
    "strictest",
]
