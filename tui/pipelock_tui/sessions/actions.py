"""What can be done to sessions."""

from __future__ import annotations

from pipelock_tui.actions import Action, Needs

__all__ = ["ACTIONS"]

_HERE = ("sessions",)


def _act(name: str, keys: str, label: str, *, short: str, rank: int, verb: str, argument: str = "") -> Action:
    return Action(f"sessions.{name}", keys, label, _HERE, short, rank, Needs.DECIDE, argument, verb=f"session {verb}")


ACTIONS = (
    _act("terminate", "x", "end the session and its connections", short="end", rank=1, verb="terminate"),
    _act("release", "R", "release it from the airlock, or only observe it", short="release", rank=1, verb="release"),
    _act("hard", "h", "put it into the airlock: read only", short="airlock", rank=2, verb="airlock"),
    _act("reset", "z", "forget its score, level and airlock", short="reset", rank=3, verb="reset"),
    _act("trust", "T", "let its present task pass in spite of taint, for a time", short="trust", rank=3, verb="trust"),
    _act("task", "w", "begin a new task: taint is forgotten", short="new task", rank=3, verb="task", argument="LABEL"),
    Action("sessions.sort", "o", "order by another column", _HERE, "order", 5, alone="a matter of the screen"),
    Action("sessions.detail", "tab", "move between the table and the session", _HERE, alone="a matter of the screen"),
)
