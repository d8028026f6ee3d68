"""What can be done in the list of decisions."""

from __future__ import annotations

from pipelock_tui.actions import Action, Needs

__all__ = ["ACTIONS", "TABS"]

_SCREEN = "a matter of the screen"
_HERE = ("traffic",)
TABS = ("request", "response", "scan", "timeline", "receipt")
"""The pages of the detail, in their order."""

ACTIONS = (
    Action("traffic.filter", "slash", "filter the list", _HERE, "filter", 1, argument="QUERY", verb="history"),
    Action(
        "traffic.follow", "full_stop", "follow the newest decision, or pause", _HERE, "follow", 3, verb="logs --follow"
    ),
    Action(
        "traffic.search",
        "H",
        "search the history with the filter",
        _HERE,
        "history",
        2,
        Needs.LINK,
        "QUERY",
        ("search", "history"),
        verb="history",
    ),
    Action(
        "traffic.fix",
        "f",
        "keep a refusal from happening again, if it was a mistake",
        _HERE,
        "fix",
        1,
        Needs.LINK,
        verb="suppress",
    ),
    Action("traffic.tab_next", "right", "next page of the detail", _HERE, "page", 4, alone=_SCREEN),
    Action("traffic.tab_previous", "left", "page before of the detail", _HERE, alone=_SCREEN),
    Action(
        "traffic.copy",
        "y",
        "copy the row as a curl command",
        _HERE,
        "copy",
        5,
        alone="there is no clipboard in a pipe: history --json prints the row",
    ),
    Action(
        "traffic.export",
        "x",
        "write the row to a file: curl, HAR or JSON",
        _HERE,
        "export",
        5,
        argument="curl|har|json",
        verb="history",
    ),
)
