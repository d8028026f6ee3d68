"""The command line: what was typed becomes an action with its argument; completion and history. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from pipelock_tui.actions import DIALOG, LIST, Action

__all__ = ["MAX_COMMAND", "MAX_HISTORY", "CommandError", "History", "complete", "names_of", "parse"]

MAX_COMMAND = 1_000
"""Longest command line, in characters."""
MAX_HISTORY = 100
"""Command lines that are remembered."""


class CommandError(ValueError):
    """The line can't be carried out; the message says why and what would do."""


def names_of(actions: Iterable[Action]) -> dict[str, Action]:
    """What can be typed, short names first; the keys of lists and windows are not commands."""
    typed = [action for action in actions if LIST not in action.views and DIALOG not in action.views]
    names = {alias: action for action in typed for alias in action.aliases}
    for action in typed:
        names.setdefault(action.id, action)
    return names


def parse(text: str, actions: Iterable[Action]) -> tuple[Action, str]:
    """The action that is meant and its argument.

    Raises:
        CommandError: Unknown or ambiguous name, an argument where there is none, one that is not among the possible.
    """
    if len(text) > MAX_COMMAND:
        raise CommandError(f"a command has at most {MAX_COMMAND} characters")
    name, _, argument = text.strip().removeprefix(":").strip().partition(" ")
    argument = argument.strip()
    names = names_of(actions)
    action = names.get(name)
    if action is None:
        meant = sorted(each for each in names if each.startswith(name)) if name else []
        if len({names[each].id for each in meant}) != 1:
            near = f"; did you mean {', '.join(meant[:5])}?" if meant else "; tab completes, ? explains"
            raise CommandError(f"no command is called {name}{near}" if name else "type a command")
        action = names[meant[0]]
    if argument and not action.argument:
        raise CommandError(f"{name} takes nothing after it")
    choices = _choices(action)
    if argument and choices and argument not in choices:
        raise CommandError(f"{name} takes one of {', '.join(choices)}")
    return action, argument


def complete(text: str, actions: Iterable[Action]) -> tuple[str, ...]:
    """Whole command lines that begin with what was typed, shortest name first."""
    typed = text.lstrip().removeprefix(":").lstrip()
    names = names_of(actions)
    name, space, argument = typed.partition(" ")
    if not space:
        found = sorted((each for each in names if each.startswith(name)), key=lambda each: ("." in each, each))
        return tuple(each + (" " if names[each].argument else "") for each in found)
    action = names.get(name)
    if action is None:
        return ()
    return tuple(f"{name} {choice}" for choice in _choices(action) if choice.startswith(argument.strip()))


def _choices(action: Action) -> tuple[str, ...]:
    return tuple(action.argument.split("|")) if "|" in action.argument else ()


class History:
    """Command lines that were given, newest last; going back through them keeps what was being typed."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=MAX_HISTORY)
        self._place = 0
        self._draft = ""

    def add(self, line: str) -> None:
        """Remember a line; one that is repeated is kept once."""
        line = line.strip()[:MAX_COMMAND]
        if line and (not self._lines or self._lines[-1] != line):
            self._lines.append(line)
        self._place, self._draft = 0, ""

    def step(self, back: int, typed: str) -> str:
        """The line one step further back (`back` 1) or forward (-1) from the present one."""
        if self._place == 0:
            self._draft = typed
        self._place = min(max(self._place + back, 0), len(self._lines))
        return self._lines[-self._place] if self._place else self._draft
