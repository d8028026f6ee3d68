"""Whatever can be done in the dashboard can be done by a command, too, or there is a reason why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.cli.commands import COMMANDS
from pipelock_tui import testing
from pipelock_tui.actions import DIALOG, LIST, Needs, key_words
from pipelock_tui.catalogue import ACTIONS
from pipelock_tui.plain import Conversation

WITH_VERB = [action for action in ACTIONS if action.verb]
TABLE = {command.name: command for command in COMMANDS}


@pytest.mark.parametrize("action", WITH_VERB, ids=lambda action: action.id)
def test_the_command_that_does_the_same_is_there(action: object) -> None:
    words = action.verb.split()  # type: ignore[attr-defined]
    if words == ["--help"]:
        return
    command = TABLE[words[0]]
    flags = {flag for option in command.options for flag in option.flags}
    for word in words[1:]:
        if word.startswith("--"):
            assert word in flags
        else:
            choices = {choice for operand in command.operands for choice in (operand.choices or ())}
            assert word in choices, f"pipelock {action.verb}"  # type: ignore[attr-defined]


def test_what_changes_something_always_has_a_command() -> None:
    assert [action.id for action in ACTIONS if action.needs is Needs.DECIDE and not action.verb] == []


def test_commands_that_answer_speak_json_too() -> None:
    names = {action.verb.split()[0] for action in WITH_VERB} - {"--help"}
    without = {name for name in names if "--json" not in {flag for each in TABLE[name].options for flag in each.flags}}
    assert without <= {"logs"}, "logs prints JSON lines as they are"


def test_the_line_mode_has_the_same_powers() -> None:
    commands = Conversation(testing.FakeLink(), lambda _line: None).commands
    there = {name for command in commands.values() for name in command.does}
    needed = {action.id for action in ACTIONS if action.verb and not {LIST, DIALOG} & set(action.views)}
    assert needed - there == {"traffic.follow"}, "lines are always followed"
    assert there <= {action.id for action in ACTIONS}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_the_documentation_lists_it_with_its_keys(action: object) -> None:
    text = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    row = next(line for line in text.split("\n") if f"| `{action.id}` |" in line)  # type: ignore[attr-defined]
    for word in key_words(action.keys).split():  # type: ignore[attr-defined]
        assert f"`{word}`" in row
