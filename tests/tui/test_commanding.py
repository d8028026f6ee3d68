from __future__ import annotations

import pytest

from pipelock_tui.catalogue import ACTIONS
from pipelock_tui.commanding import MAX_COMMAND, MAX_HISTORY, CommandError, History, complete, parse


@pytest.mark.parametrize(
    ("typed", "action", "argument"),
    [
        ("traffic", "view.traffic", ""),
        (":traffic ", "view.traffic", ""),
        ("traffic.filter verdict:block  host:x", "traffic.filter", "verdict:block  host:x"),
        ("theme light", "shell.theme", "light"),
        ("kill-switch on", "kill.switch", "on"),
        ("relo", "config.reload", ""),
        ("answer.no not this one", "answer.note", "not this one"),
    ],
)
def test_commands_are_read(typed: str, action: str, argument: str) -> None:
    found, rest = parse(typed, ACTIONS)
    assert (found.id, rest) == (action, argument)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "type a command"),
        ("  :", "type a command"),
        ("fly", "no command is called fly; tab completes"),
        ("answer.d", "did you mean answer.deny, answer.deny_rule"),
        ("traffic now", "traffic takes nothing after it"),
        ("theme pink", "theme takes one of dark, light"),
        ("list.down", "no command is called list.down"),
        ("x" * (MAX_COMMAND + 1), "at most"),
    ],
)
def test_what_is_no_command_says_what_would_do(typed: str, says: str) -> None:
    with pytest.raises(CommandError, match=says):
        parse(typed, ACTIONS)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sess", ("sessions",)),
        ("theme l", ("theme light",)),
        ("theme", ("theme ",)),
        ("nothing", ()),
        ("nothing at", ()),
        ("reload x", ()),
        (":dialog", ()),
    ],
)
def test_completion(typed: str, found: tuple[str, ...]) -> None:
    assert tuple(each for each in complete(typed, ACTIONS) if "." not in each) == found


def test_names_come_before_ids() -> None:
    found = complete("", ACTIONS)
    dotted = ["." in each for each in found]
    assert dotted == sorted(dotted)


def test_history_goes_back_and_keeps_what_was_being_typed() -> None:
    history = History()
    assert history.step(1, "draft") == "draft"
    for line in ("one", "two", "two", " "):
        history.add(line)
    assert [history.step(1, "draft"), history.step(1, ""), history.step(1, "")] == ["two", "one", "one"]
    assert [history.step(-1, ""), history.step(-1, ""), history.step(-1, "draft")] == ["two", "draft", "draft"]


def test_history_is_bounded() -> None:
    history = History()
    for number in range(MAX_HISTORY + 5):
        history.add(str(number))
    assert history.step(MAX_HISTORY + 5, "") == "5"
