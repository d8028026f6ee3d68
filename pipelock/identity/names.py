"""Names of agents as clients give them, made safe to keep."""

from __future__ import annotations

__all__ = ["MAX_AGENT_NAME", "sanitise_agent"]

MAX_AGENT_NAME = 64

_AGENT_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def sanitise_agent(name: str) -> str:
    """A self-declared agent name as it may be stored and shown: `[A-Za-z0-9._-]`, others become `_`, at most 64.

    What comes out holds no `@` and no `|`, so nobody can name a session that rests on more than a name.
    """
    return "".join([char if char in _AGENT_CHARS else "_" for char in name[:MAX_AGENT_NAME]])
