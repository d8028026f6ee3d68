"""A word to the terminal when something begins to wait and nobody looks. Off unless the operator asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipelock_tui.desk import Desk, group_of
from pipelock_tui.osc import note

__all__ = ["PAUSE", "Alerts"]

PAUSE = 5.0
"""Seconds between two notes: a flood of prompts is one note, and the count in the next."""


class Alerts:
    """Remembers what was told of. `write` hands a control sequence to the terminal."""

    def __init__(self, write: Callable[[str], None], environ: Mapping[str, str], *, wanted: bool) -> None:
        self._write = write
        self._environ = environ
        self._wanted = wanted
        self._known: frozenset[str] = frozenset()
        self._revision = -1
        self._told_at = -PAUSE

    def look(self, desk: Desk, now: float, *, focused: bool) -> None:
        """See what waits now; `now` is monotonic seconds. With the focus here everything counts as seen."""
        if not self._wanted or desk.revision == self._revision:
            return
        waiting = [prompt for prompt in desk.prompts if not prompt.ended]
        fresh = [prompt for prompt in waiting if prompt.key not in self._known]
        if fresh and not focused and now - self._told_at < PAUSE:
            return  # told of with the next look after the pause
        self._revision, self._known = desk.revision, frozenset(prompt.key for prompt in waiting)
        if not fresh or focused:
            return
        host, who = group_of(fresh[0].pending)
        more = f", {len(waiting)} wait in all" if len(waiting) > 1 else ""
        text = note(f"{who} asks about {host}{more}", self._environ)
        if text:
            self._told_at = now
            self._write(text)
