"""What a command looks like from outside: the parser and the shell completions are both made from this."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["Arguments", "Command", "Operand", "Option"]


class Arguments(argparse.Namespace):
    """A parsed command line. Which attributes are set depends on the command (`commands.COMMANDS`)."""

    verb: str
    home: Path | None
    json: bool
    config: Path | None
    preset: str | None
    mode: Literal["strict", "balanced", "audit"] | None
    listen: str | None
    lines: bool
    agent: tuple[str, ...]
    url: str | None
    what: str
    output: Path | None
    force: bool
    plain: bool
    follow: bool
    after: int | None
    backlog: int
    id: str
    session: bool
    note: str
    state: str
    address: str | None
    shell: str
    file: Path | None
    last: int
    filter: str


class Option(msgspec.Struct, frozen=True):
    """A flag. Without a `metavar` and without `choices` it is a switch that is off unless given.

    Attributes:
        flags: Short form first, long form last.
        convert: Makes the value of the text; a `ValueError` or `argparse.ArgumentTypeError` is a usage error.
        path: The value is a file, for completion.
    """

    flags: tuple[str, ...]
    help: str
    name: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    convert: Callable[[str], object] = str
    default: object = None
    path: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value."""
        return not self.metavar and not self.choices


class Operand(msgspec.Struct, frozen=True):
    """A word that is recognised by its place."""

    name: str
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""


class Command(msgspec.Struct, frozen=True):
    """One verb.

    Attributes:
        module: Has `execute(arguments: Arguments) -> int`, which gives the exit code.
        details: Further paragraphs of `--help`.
        takes_agent: What follows `--` is a command line of its own.
    """

    name: str
    module: str
    summary: str
    options: tuple[Option, ...] = ()
    operands: tuple[Operand, ...] = ()
    details: str = ""
    takes_agent: bool = False
