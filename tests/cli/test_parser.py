from __future__ import annotations

from pathlib import Path

import pytest

from pipelock.cli.commands import COMMANDS
from pipelock.cli.errors import UsageError
from pipelock.cli.parser import find_command, parse


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (["statuss"], "`status`"),
        (["aprove", "1"], "`approve`"),
        (["kil", "on"], "`kill`"),
        (["--home", "/x", "evnts"], "`events`"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_nearest(argv: list[str], named: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {named}"):
        parse(argv)


@pytest.mark.parametrize(
    ("argv", "part"),
    [
        (["frobnicate"], "`pipelock --help` lists them"),
        (["kill", "maybe"], "invalid choice"),
        (["kill", "of"], "invalid choice"),
        (["status", "--jsn"], "unrecognized arguments: --jsn; see `pipelock status --help`"),
        (["status", "--js"], "unrecognized arguments"),
        (["run", "stray"], "unrecognized arguments"),
        (["sandbox", "explain", "--write", "a", "b"], "unrecognized arguments: a b"),
        (["sandbox", "explain", "--wrte", "a"], "unrecognized arguments: --wrte a"),
        (["run", "-m", "lax"], "invalid choice"),
        (["run", "--"], "no command after --"),
        (["events", "--after", "-1"], "whole number"),
        (["events", "--after", "1e3"], "whole number"),
        (["events", "--after", "٣"], "whole number"),
        (["events", "--after", "9" * 5000], "whole number"),
        (["approve"], "required: ID"),
        (["kill"], "required: {on,off,status}"),
        (["--home"], "expected one argument"),
    ],
)
def test_a_wrong_command_line_is_a_usage_error_of_one_line(argv: list[str], part: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(argv)
    assert part in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.code == 2


def test_a_command_that_draws_is_shown_escaped() -> None:
    with pytest.raises(UsageError) as caught:
        parse(["\x1b[2Jstatus"])
    assert "\x1b" not in caught.value.message


def test_the_home_may_stand_on_either_side_of_the_command() -> None:
    assert parse(["--home", "/a", "status"]).home == Path("/a")
    assert parse(["status", "--home", "/b"]).home == Path("/b")
    assert parse(["--home", "/a", "status", "--home", "/b"]).home == Path("/b")
    assert parse(["status"]).home is None


def test_a_home_named_like_a_command_is_no_command() -> None:
    assert parse(["--home", "run", "status"]).verb == "status"


def test_optional_words_may_stand_behind_options() -> None:
    for words in (["explain", "--write", "x"], ["explain", "x", "--write"], ["--write", "explain", "x"]):
        arguments = parse(["sandbox", *words])
        assert (arguments.what, arguments.path, arguments.write) == ("explain", "x", True)


def test_what_follows_two_dashes_is_the_agent() -> None:
    arguments = parse(["run", "-m", "strict", "--", "python", "-c", "print(1)", "--", "--json"])
    assert arguments.mode == "strict"
    assert arguments.agent == ("python", "-c", "print(1)", "--", "--json")


@pytest.mark.parametrize(
    ("words", "said"),
    [(["help"], "COMMAND ..."), (["help", "status"], "pipelock status"), (["--home", "x", "help"], "COM")],
)
def test_help_is_a_word_too(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(words)
    assert ended.value.code == 0
    assert said in capsys.readouterr().out.splitlines()[0]


def test_without_words_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert all(command.name in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_explains_itself(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    name = getattr(command, "name", "")
    with pytest.raises(SystemExit) as caught:
        parse([name, "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    found = find_command(name)
    assert found is not None
    assert all(flag in out for option in found.options for flag in option.flags)


def test_commands_have_names_of_their_own() -> None:
    names = [command.name for command in COMMANDS]
    assert len(names) == len(set(names))
    assert find_command("") is None
