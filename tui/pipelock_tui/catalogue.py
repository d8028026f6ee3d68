"""All views and all actions, in one place. No widget is imported before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from pipelock_tui.actions import DIALOGS, LISTS, Action, Needs
from pipelock_tui.pending import actions as pending
from pipelock_tui.rules import actions as rules
from pipelock_tui.sessions import actions as sessions
from pipelock_tui.themes import WORDS
from pipelock_tui.traffic import actions as traffic
from pipelock_tui.views import Shell, View

__all__ = ["ACTIONS", "ANSWERS", "DIALOGS", "LISTS", "PLACES", "SHELL", "Place", "action_of", "place_of"]

_SCREEN = "a matter of the screen"


@dataclass(frozen=True, slots=True)
class Place:
    """One view: its name, its number key, its title, its actions, and where its class is (`module:class`)."""

    name: str
    number: int
    title: str
    about: str
    where: str
    actions: tuple[Action, ...] = ()

    def build(self, shell: Shell) -> View:
        """Import and make the view. Raises whatever its module or constructor does."""
        module, _, name = self.where.partition(":")
        made = cast("Callable[[Shell], View]", getattr(import_module(module), name))
        return made(shell)


CONFIG = (
    Action(
        "config.compare",
        "c",
        "compare the file with what is in force",
        ("config",),
        "compare",
        1,
        Needs.LINK,
        verb="reload --dry-run",
    ),
)
AUDIT = (
    Action(
        "audit.verify", "c", "look through the audit log again", ("audit",), "check", 1, Needs.LINK, verb="logs --check"
    ),
)
DOCTOR = (Action("doctor.run", "c", "run all checks again", ("doctor",), "check", 1, Needs.LINK, verb="doctor"),)

PLACES = (
    Place("overview", 1, "Overview", "how the daemon stands", "pipelock_tui.overview.view:OverviewView"),
    Place(
        "pending", 2, "Pending", "what waits for you", "pipelock_tui.pending.view:PendingView",
        pending.ACTIONS,
    ),
    Place(
        "traffic", 3, "Traffic", "decisions as they are made, and the history", "pipelock_tui.traffic.view:TrafficView",
        traffic.ACTIONS,
    ),
    Place(
        "sessions", 4, "Sessions", "the agents and how far they are trusted", "pipelock_tui.sessions.view:SessionsView",
        sessions.ACTIONS,
    ),
    Place(
        "rules", 5, "Rules", "rules, suppressions and approvals with their hits", "pipelock_tui.rules.view:RulesView",
        rules.ACTIONS,
    ),
    Place("audit", 6, "Audit", "the audit log, looked through", "pipelock_tui.audit.view:AuditView", AUDIT),
    Place("config", 7, "Config", "the file and what is in force", "pipelock_tui.config.view:ConfigView", CONFIG),
    Place("kill", 8, "Kill", "the kill switch and who holds it", "pipelock_tui.kill.view:KillView"),
    Place("doctor", 9, "Doctor", "what is wrong, and what to do", "pipelock_tui.doctor.view:DoctorView", DOCTOR),
)  # fmt: skip
"""The views, by number."""

SHELL = (
    *(
        Action(f"view.{place.name}", str(place.number), f"go to {place.title}: {place.about}", aliases=(place.name,),
               alone=_SCREEN)
        for place in PLACES
    ),
    Action("shell.help", "question_mark,f1", "help for what is on the screen", short="help", rank=1,
           aliases=("help",), verb="--help"),
    Action("shell.command", "colon", "the command line", short="command", rank=3, alone=_SCREEN),
    Action("shell.palette", "ctrl+p", "the command palette", alone=_SCREEN),
    Action("shell.jump", "ctrl+o", "jump to a part of the screen", alone=_SCREEN),
    Action("shell.refresh", "ctrl+l", "ask the daemon anew", needs=Needs.LINK, aliases=("refresh",), verb="status"),
    Action("shell.theme", "ctrl+t", "next colour theme, or the one that is named", argument="|".join(WORDS),
           aliases=("theme",), alone=_SCREEN),
    Action("shell.back", "escape", "close what is open, or go back to the view before", short="back", rank=4,
           alone=_SCREEN),
    Action("shell.quit", "q", "quit; harmless: the daemon goes on", short="quit", rank=4, aliases=("q", "quit"),
           alone=_SCREEN),
    Action("kill.switch", "K", "turn the kill switch on, or release our part of it; asks first", short="kill", rank=2,
           needs=Needs.DECIDE, argument="on|off", aliases=("kill-switch",), verb="kill"),
    Action("config.reload", "ctrl+r", "read the configuration again", needs=Needs.DECIDE, aliases=("reload",),
           verb="reload"),
)  # fmt: skip
"""What the shell itself does, everywhere."""

ANSWERS = pending.ANSWERS
"""What answers prompts, everywhere."""

ACTIONS: tuple[Action, ...] = (
    *ANSWERS,
    *(action for place in PLACES for action in place.actions),
    *LISTS,
    *SHELL,
    *DIALOGS,
)
"""All of them."""


def _named(actions: Iterable[Action]) -> dict[str, Action]:
    return {action.id: action for action in actions}


_BY_ID = _named(ACTIONS)
_PLACES = {place.name: place for place in PLACES}


def action_of(action_id: str) -> Action | None:
    """The action with this id."""
    return _BY_ID.get(action_id)


def place_of(name: str) -> Place | None:
    """The view with this name."""
    return _PLACES.get(name)
