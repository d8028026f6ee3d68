"""What lights the three lamps. Texts are safe to show: hosts as summaries show them, names of rules, no values."""

from __future__ import annotations

from collections.abc import Iterable

from pipelock.engine.taint.classes import carries, secret_in
from pipelock.engine.taint.hosts import Standing, is_internal_address
from pipelock.model import Action, ActionSummary, Decision, Kind, Transport, Verdict, escape

__all__ = ["egress", "has_credentials", "private"]

_CREDENTIALS = frozenset(
    {"authorization", "cookie", "private-token", "x-api-key", "x-auth-token", "x-goog-api-key", "x-token"}
)
_ASKS = frozenset({Kind.REQUEST, Kind.CONNECT})
_OWN = frozenset({Standing.LOCAL, Standing.MODEL})


def private(action: Action, shown: ActionSummary, decision: Decision, standing: Standing) -> str:
    """What private thing was touched, in a few words; empty for nothing.

    A secret that was found lights the lamp whether it went through or not: whoever sent it has it.
    """
    secret = secret_in(decision.findings) if decision.findings else None
    if secret is not None:
        return f"{escape(secret.rule)} in {_place(action, shown)}"
    if decision.verdict is Verdict.BLOCK:
        return ""
    if _is_internal(action, decision, standing):
        return f"{_place(action, shown)}, which is internal"
    if action.kind not in _ASKS or standing in _OWN or not has_credentials(action.headers):
        return ""
    return f"credentials in {_place(action, shown)}"


def _is_internal(action: Action, decision: Decision, standing: Standing) -> bool:
    """Whether it is an answer from inside, or a request to an address there."""
    if action.comes_in:
        return standing is Standing.INTERNAL
    return bool(decision.addresses) and is_internal_address(decision.addresses[0])


def _place(action: Action, shown: ActionSummary) -> str:
    host = escape(shown.host)
    return f"an answer from {host}" if action.comes_in else f"a request to {host}"


def has_credentials(headers: Iterable[tuple[str, str]]) -> bool:
    """Whether a header says who sends: what comes back is then for them alone. Names are lower-case."""
    return not _CREDENTIALS.isdisjoint([name for name, _ in headers])


def egress(action: Action, shown: ActionSummary, decision: Decision, standing: Standing, *, vouched: bool) -> str:
    """By what data could have left for a host in no list, in a few words; empty for nothing."""
    if action.comes_in or standing is not Standing.OUTSIDE or vouched or decision.verdict is Verdict.BLOCK:
        return ""
    if action.kind not in _LEAVES or not carries(action):
        return ""
    host = escape(shown.host)
    if action.kind is Kind.CONNECT:
        return f"a tunnel to {host}, which is not read"
    if action.kind is Kind.MESSAGE or action.transport is Transport.WEBSOCKET:
        return f"a WebSocket to {host}"
    return f"{escape(shown.method)} to {host}"


_LEAVES = frozenset({Kind.REQUEST, Kind.CONNECT, Kind.MESSAGE, Kind.PIECE})
