"""Who is talking."""

from __future__ import annotations

import msgspec

__all__ = ["ANONYMOUS", "Session", "session_key"]

ANONYMOUS = "anonymous"


class Session(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One agent's conversation with the world, as shown to the operator. Times are seconds since the epoch."""

    key: str
    agent: str
    client: str
    started_at: float
    last_seen_at: float
    requests: int = 0
    blocked: int = 0


def session_key(agent: str, client: str) -> str:
    """The reference's key: `agent|ip`, or the address alone for an agent that did not say who it is."""
    return f"{agent}|{client}" if agent and agent != ANONYMOUS else client
