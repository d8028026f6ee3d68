"""What can be done to rules, suppressions and grants."""

from __future__ import annotations

from pipelock_tui.actions import Action, Needs

__all__ = ["ACTIONS"]

_HERE = ("rules",)

ACTIONS = (
    Action(
        "rules.next_kind",
        "right",
        "next list: detection, egress, suppressions, grants",
        _HERE,
        "list",
        1,
        alone="a matter of the screen",
    ),
    Action("rules.previous_kind", "left", "list before", _HERE, alone="a matter of the screen"),
    Action(
        "rules.remove",
        "x",
        "take back a grant or a suppression",
        _HERE,
        "take back",
        1,
        Needs.DECIDE,
        verb="approvals revoke",
    ),
    Action(
        "rules.review",
        "V",
        "take over what somebody changed in approvals.yaml",
        _HERE,
        "review",
        2,
        Needs.DECIDE,
        verb="approvals review",
    ),
    Action(
        "rules.filter",
        "slash",
        "show only the rules that hold a word",
        _HERE,
        "filter",
        3,
        argument="WORD",
        verb="rules",
    ),
)
