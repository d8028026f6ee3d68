"""What can be done to prompts: the answers, which are at hand in every view, and what only their own view has."""

from __future__ import annotations

from pipelock_tui.actions import Action, Needs

__all__ = ["ACTIONS", "ANSWERS"]

_SCREEN = "a matter of the screen"

ANSWERS = (
    Action(
        "answer.once",
        "a",
        "allow it this once",
        short="once",
        rank=0,
        needs=Needs.DECIDE,
        aliases=("allow",),
        verb="approve",
    ),
    Action(
        "answer.session", "s", "allow it for this session", short="session", rank=1, needs=Needs.DECIDE, verb="approve"
    ),
    Action(
        "answer.timed",
        "t",
        "allow it for a time that you choose",
        short="timed",
        rank=2,
        needs=Needs.DECIDE,
        verb="approve",
    ),
    Action(
        "answer.forever",
        "F",
        "allow it for good, in approvals.yaml",
        short="good",
        rank=3,
        needs=Needs.DECIDE,
        verb="approve",
    ),
    Action(
        "answer.deny",
        "d",
        "deny it this once",
        short="deny",
        rank=0,
        needs=Needs.DECIDE,
        aliases=("deny",),
        verb="deny",
    ),
    Action(
        "answer.deny_rule",
        "D",
        "deny it, and go on denying it",
        short="deny+rule",
        rank=3,
        needs=Needs.DECIDE,
        verb="deny",
    ),
    Action(
        "answer.redact",
        "r",
        "send it without what was noticed",
        short="redact",
        rank=3,
        needs=Needs.DECIDE,
        verb="approve",
    ),
    Action(
        "answer.edit",
        "e",
        "change it in your editor and send it",
        short="edit",
        rank=3,
        needs=Needs.DECIDE,
        verb="approve",
    ),
    Action(
        "answer.note",
        "n",
        "deny it with a note that the agent reads",
        short="note",
        rank=2,
        needs=Needs.DECIDE,
        argument="NOTE",
        verb="deny",
    ),
    Action(
        "answer.all",
        "A",
        "allow all that wait and in which nothing was noticed, once",
        short="all",
        rank=4,
        needs=Needs.DECIDE,
        verb="approve",
    ),
    Action(
        "answer.undo",
        "u",
        "take back the last answer",
        short="undo",
        rank=4,
        needs=Needs.DECIDE,
        verb="approvals revoke",
    ),
    Action("answer.previous", "left_square_bracket", "choose the prompt before", alone=_SCREEN),
    Action("answer.next", "right_square_bracket", "choose the next prompt", alone=_SCREEN),
    Action("answer.view", "v", "view the chosen prompt in full", short="view", rank=2, verb="pending"),
)
"""At hand in every view."""

ACTIONS = (
    Action("pending.wider", "right", "answer for a wider scope", ("pending",), "scope", 1, alone=_SCREEN),
    Action("pending.narrower", "left", "answer for a narrower scope", ("pending",), alone=_SCREEN),
    Action("pending.detail", "tab", "move between the list and the prompt", ("pending",), alone=_SCREEN),
)
"""Only in the view of prompts."""
