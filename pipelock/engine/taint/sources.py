"""What a session has read, and how bad that is."""

from __future__ import annotations

import msgspec

from pipelock.engine.taint.classes import is_channel
from pipelock.engine.taint.hosts import Standing
from pipelock.model import Action, ActionSummary, Category, Decision, Kind, TaintLevel, Verdict, escape

__all__ = ["MAX_SHOWN", "Source", "level_of", "shown_source"]

MAX_SHOWN = 200
"""Characters of a source's URL that are kept."""

_LEVELS = {
    Standing.LOCAL: TaintLevel.TRUSTED,
    Standing.INTERNAL: TaintLevel.INTERNAL,
    Standing.MODEL: TaintLevel.INTERNAL,
    Standing.REFERENCE: TaintLevel.REFERENCE,
    Standing.LISTED: TaintLevel.UNTRUSTED,
    Standing.OUTSIDE: TaintLevel.UNTRUSTED,
}
_ORDERS = frozenset({"response_scan", "core_response", "a2a_injection", "a2a_card", "a2a_session"})
_EMPTY = frozenset({204, 205, 304})


class Source(msgspec.Struct, frozen=True, gc=False):
    """Something that was read. `url` is without its query, `kind` what it came as, `at` seconds since the epoch."""

    url: str
    host: str
    level: TaintLevel
    kind: str
    at: float


def level_of(action: Action, decision: Decision, standing: Standing) -> TaintLevel | None:
    """How bad it is to have read what `action`, with its final decision, let in; `None` where nothing came in.

    An answer that was refused was not read. A part of one that was refused follows others that were: whoever tried to
    give orders there had a hand in those too.
    """
    refused = decision.verdict is Verdict.BLOCK
    if not action.comes_in:
        # What comes through a closed tunnel, or later through a WebSocket, is not seen here again.
        return None if refused or not is_channel(action) else _LEVELS[standing]
    if refused and action.kind is Kind.RESPONSE:
        return None
    if decision.findings and any(f.scanner in _ORDERS and f.category is Category.THREAT for f in decision.findings):
        return TaintLevel.HOSTILE
    if refused:
        return None
    level = _LEVELS[standing]
    if level is TaintLevel.UNTRUSTED and action.kind is Kind.RESPONSE and _is_empty(action):
        return TaintLevel.LOW_RISK
    return level


def _is_empty(action: Action) -> bool:
    """Whether an answer has a head and nothing else, by its status or because only the head was asked for."""
    return action.status in _EMPTY or action.method.upper() == "HEAD"


def shown_source(shown: ActionSummary) -> str:
    """The URL of a source as it is kept: no query, no fragment, at most `MAX_SHOWN` characters, safe to show."""
    url = shown.url.partition("?")[0].partition("#")[0]
    return escape(url if len(url) <= MAX_SHOWN else url[: MAX_SHOWN - 1] + "…")
