"""What can be done to sessions."""

from __future__ import annotations

from pipelock_tui.actions import Action, Needs

__all__ = ["ACTIONS"]

_HERE = ("sessions",)
_VERB = "session"


def _act(name: str, keys: str, label: str, short: str, rank: int, verb: str, argument: str = "") -> Action:
    return Action(f"sessions.{name}", keys, label, _HERE, short, rank, Needs.DECIDE, argument, verb=f"{_VERB} {verb}")


ACTIONS = (
    _act("terminate", "x", "end the session and its connections", "end", 1, "terminate"),
    _act("release", "R", "release it from the airlock, or only observe it", "release", 1, "release"),
    _act("hard", "h", "put it into the airlock: read only", "airlock", 2, "airlock"),
    _act("reset", "z", "forget its score, level and airlock", "reset", 3, "reset"),
    _act("trust", "T", "let its present task pass in spite of taint, for a time", "trust", 3, "trust"),
    _act("task", "w", "begin a new task: taint is forgotten", "new task", 3, "task", "LABEL"),
    Action("sessions.sort", "o", "order by another column", _HERE, "order", 5, alone="a matter of the screen"),
    Action("sessions.detail", "tab", "move between the table and the session", _HERE, alone="a matter of the screen"),
)
