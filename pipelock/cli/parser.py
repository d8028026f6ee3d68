"""The command line's grammar, made from the table of commands."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pipelock import __version__
from pipelock.cli.commands import COMMANDS, GLOBAL_OPTIONS
from pipelock.cli.errors import UsageError
from pipelock.cli.table import Arguments, Command, Option
from pipelock.model import escape

__all__ = ["find_command", "named_command", "parse"]

_DESCRIPTION = "The firewall for AI agents: `pipelock run` starts it, `pipelock tui` shows what it does."
_COLUMNS = 80
_EPILOG = "`pipelock COMMAND --help` says more about a command."


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are exceptions instead of a usage dump and an exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. Told its width: to find out by itself it would import archivers and compressors."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    """Characters of a line: COLUMNS, else the terminal's, else 80."""
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and 0 < len(said) <= 4 and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ is not None else _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def find_command(name: str) -> Command | None:
    """The command of that name."""
    return next((command for command in COMMANDS if command.name == name), None)


def named_command(argv: Sequence[str]) -> Command | None:
    """The command that a command line (without the program's name) begins with."""
    return find_command(_verb(argv))


def parse(argv: Sequence[str]) -> Arguments:
    """Read a command line (without the program's name). `--help` and `--version` print and end with `SystemExit`.

    Raises:
        UsageError: it is not one of ours.
    """
    words = list(argv)
    verb = _verb(words)
    if verb == "help":
        # As others have it: `help` and `help COMMAND`.
        words.remove(verb)
        words, verb = [*words, "--help"], _verb(words)
    command = find_command(verb) if verb else None
    if verb and command is None:
        from difflib import get_close_matches  # noqa: PLC0415 - only for mistakes

        near = get_close_matches(verb[:64], [known.name for known in COMMANDS], n=1)
        hint = f"did you mean `{near[0]}`?" if near else "`pipelock --help` lists them"
        raise UsageError(f"there is no command {escape(verb, 64)}; {hint}")
    agent: tuple[str, ...] = ()
    if command is not None and command.takes_agent and "--" in words:
        cut = words.index("--")
        words, agent = words[:cut], tuple(words[cut + 1 :])
        if not agent:
            raise UsageError("there is no command after --")
    if not words:
        words = ["--help"]
    parser = _root(command)
    arguments, left = parser.parse_known_args(words, namespace=Arguments())
    if left and (command is None or not _placed(left, command, arguments)):
        # The root's parser would point at the help of everything.
        where = f"pipelock {command.name}" if command is not None else "pipelock"
        raise UsageError(f"unrecognized arguments: {' '.join(left)}; see `{where} --help`")
    arguments.agent = agent
    return arguments


def _placed(words: Sequence[str], command: Command, arguments: Arguments) -> bool:
    """Whether what argparse left over are the optional operands: it takes none that stand behind an option."""
    missing = [one.name for one in command.operands if one.optional and getattr(arguments, one.name) is None]
    if len(words) > len(missing) or any(word.startswith("-") for word in words):
        return False
    for name, word in zip(missing, words, strict=False):
        setattr(arguments, name, word)
    return True


def _verb(words: Sequence[str]) -> str:
    """The first word that is neither a global option nor the value of one; empty where there is none."""
    takes_value = {flag for option in GLOBAL_OPTIONS for flag in option.flags}
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in takes_value:
            skip = True
        elif not word.startswith("-"):
            return word
    return ""


def _root(command: Command | None) -> argparse.ArgumentParser:
    """The whole parser; only `command`, when it is known, gets its own options: building all costs start-up time."""
    root = _Parser(
        prog="pipelock",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    root.add_argument("--version", action="version", version=f"pipelock {__version__}")
    for option in GLOBAL_OPTIONS:
        _add_option(root, option, option.default)
    verbs = root.add_subparsers(dest="verb", metavar="COMMAND", required=True, parser_class=_Parser, prog="pipelock")
    for known in COMMANDS if command is None else (command,):
        _add_command(verbs, known)
    return root


def _add_command(verbs: argparse._SubParsersAction[_Parser], command: Command) -> None:
    """Give the command a parser of its own."""
    parser = verbs.add_parser(
        command.name,
        help=command.summary,
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=command.details or None,
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    for operand in command.operands:
        choices = operand.choices or None
        # Written out, so that a missing operand is told by its choices and not by our name for it.
        metavar = operand.metavar or (f"{{{','.join(operand.choices)}}}" if operand.choices else None)
        if operand.many:
            parser.add_argument(operand.name, help=operand.help, metavar=metavar, nargs="+", type=Path)
        else:
            times = "?" if operand.optional else None
            parser.add_argument(operand.name, help=operand.help, choices=choices, metavar=metavar, nargs=times)
    for option in command.options:
        _add_option(parser, option, option.default)
    for option in GLOBAL_OPTIONS:
        # Suppressed, so that a value given before the verb is not overwritten by this one's default.
        _add_option(parser, option, argparse.SUPPRESS)


def _add_option(parser: argparse.ArgumentParser, option: Option, default: object) -> None:
    if option.is_switch:
        parser.add_argument(*option.flags, dest=option.name, help=option.help, action="store_true")
    elif option.repeat:
        # The default is not handed over: `append` would add to it, for every command line there is.
        metavar = option.metavar or None
        parser.add_argument(*option.flags, dest=option.name, help=option.help, metavar=metavar, action="append")
        parser.set_defaults(**{option.name: []})
    else:
        parser.add_argument(
            *option.flags,
            dest=option.name,
            help=option.help,
            metavar=option.metavar or None,
            choices=option.choices or None,
            type=option.convert,
            default=default,
        )
