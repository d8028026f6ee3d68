"""From what a person types to one session."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from pipelock.admin.wire import Snapshot
from pipelock.cli.errors import CommandError, UsageError
from pipelock.model import escape

__all__ = ["find_key"]

_NAMED = 5


def find_key(typed: str, sessions: Sequence[Snapshot]) -> str:
    """The key that `typed` stands for: a key, its one beginning, or the one agent, program or process of that name.

    Raises:
        UsageError: several would fit.
        CommandError: none does.
    """
    keys = [session.key for session in sessions]
    if typed in keys:
        return typed
    fitting = [session.key for session in sessions if typed and _fits(typed, session)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"{escape(typed, 80)} could be {_list(fitting)}; say more of the key")
    near = get_close_matches(typed[:200], keys, n=_NAMED, cutoff=0.5) or keys[:_NAMED]
    hint = f"known are {_list(near)}" if near else "nobody has sent anything yet"
    raise CommandError(f"session not found: {escape(typed, 80)}; {hint}")


def _fits(typed: str, session: Snapshot) -> bool:
    names = (session.agent, session.program, str(session.pid) if session.pid else "")
    return session.key.startswith(typed) or typed in names


def _list(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
    return ", ".join(escape(key, 80) for key in keys[:_NAMED]) + more
