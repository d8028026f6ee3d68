"""What an operator can do here: every action by a name that stays, with its keys, its words and its command.

Key bindings, the bottom line, the help, the palette, the command line and the keymap file are all made of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from textual.binding import Binding, BindingType

__all__ = ["DIALOG", "DIALOGS", "LIST", "LISTS", "Action", "Needs", "bindings", "key_names", "key_word", "key_words"]

LIST = "list"
"""The place of actions that belong to whatever list or page has the focus."""
DIALOG = "dialog"
"""The place of actions that belong to an open window."""


class Needs(Enum):
    """What an action needs of the daemon before anything else is asked."""

    NOTHING = "nothing"
    LINK = "a connection"
    """Something is asked of the daemon."""
    DECIDE = "the right to decide"
    """Something is changed: connected, and not as a mere watcher."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    Attributes:
        id: `area.what`, never changed once it was published: the keymap file names it.
        keys: Default keys, Textual's names with commas between; empty for none.
        label: What it does, for the help and the palette: a phrase in the imperative.
        views: Names of the views that it belongs to, or `LIST`, or `DIALOG`; empty for everywhere.
        short: Its word in the bottom line; empty keeps it out of there.
        rank: The higher, the sooner it gives way where the bottom line is too long.
        needs: What is checked before the performer is asked.
        argument: What may follow its name on the command line, such as `QUERY`; empty for nothing.
        aliases: Further names on the command line.
        verb: The command that does the same, without `pipelock`.
        alone: Why there is no such command, where there is none.
    """

    id: str
    keys: str
    label: str
    views: tuple[str, ...] = ()
    short: str = ""
    rank: int = 5
    needs: Needs = Needs.NOTHING
    argument: str = ""
    aliases: tuple[str, ...] = ()
    verb: str = ""
    alone: str = ""


_SCREEN = "a matter of the screen"
LISTS = (
    Action("list.down", "j,down", "next line", (LIST,), alone=_SCREEN),
    Action("list.up", "k,up", "line before", (LIST,), alone=_SCREEN),
    Action("list.page_down", "pagedown,ctrl+d", "a screenful down", (LIST,), alone=_SCREEN),
    Action("list.page_up", "pageup,ctrl+u", "a screenful up", (LIST,), alone=_SCREEN),
    Action("list.first", "g,home", "to the first line", (LIST,), alone=_SCREEN),
    Action("list.last", "G,end", "to the last line", (LIST,), alone=_SCREEN),
    Action("list.open", "enter", "open the line", (LIST,), alone=_SCREEN),
)
"""In every list; pages of text have all but the last."""

DIALOGS = (
    Action("dialog.agree", "y", "yes, do it", (DIALOG,), alone=_SCREEN),
    Action("dialog.leave", "n,escape,q", "no, leave it", (DIALOG,), alone=_SCREEN),
)
"""In every question."""


def bindings(actions: Iterable[Action], own: Mapping[str, str] | None = None) -> list[BindingType]:
    """Key bindings for these actions. `own` maps ids to the widget's own actions; the others go to the shell."""
    made: list[BindingType] = []
    for action in actions:
        if action.keys:
            deed = (own or {}).get(action.id, f"app.do('{action.id}')")
            made.append(Binding(action.keys, deed, action.label, show=False, id=action.id))
    return made


_WORDS = {
    "apostrophe": "'",
    "asterisk": "*",
    "at": "@",
    "backslash": "\\",
    "colon": ":",
    "comma": ",",
    "down": "↓",
    "enter": "↵",
    "equals_sign": "=",
    "escape": "esc",
    "exclamation_mark": "!",
    "full_stop": ".",
    "greater_than_sign": ">",
    "left": "←",
    "left_square_bracket": "[",
    "less_than_sign": "<",
    "minus": "-",
    "number_sign": "#",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "plus": "+",
    "question_mark": "?",
    "right": "→",
    "right_square_bracket": "]",
    "semicolon": ";",
    "slash": "/",
    "underscore": "_",
    "up": "↑",
}


def key_word(key: str) -> str:
    """How a key is called on the screen: `?` for question_mark, `F1` for f1."""
    key = key.strip()
    if len(key) in {2, 3} and key[0] == "f" and key[1:].isdigit():
        return key.upper()
    return _WORDS.get(key, key)


def key_names(actions: Iterable[Action], keys: Callable[[Action], str]) -> dict[str, str]:
    """The word for the first key of each action, by its id. `keys` gives the keys that it has now."""
    return {action.id: key_word(keys(action).partition(",")[0]) for action in actions}


def key_words(keys: str) -> str:
    """The same for keys with commas between; spaces stand between the words."""
    return " ".join(key_word(key) for key in keys.split(",") if key.strip())
