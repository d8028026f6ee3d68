"""What a command looks like from outside: the parser and the shell completions are both made from this."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["JSON", "Arguments", "Command", "Operand", "Option"]


class Arguments(argparse.Namespace):
    """A parsed command line. Which attributes are set depends on the command (`commands.COMMANDS`)."""

    verb: str
    home: Path | None
    json: bool
    config: Path | None
    preset: str | None
    mode: Literal["strict", "balanced", "audit"] | None
    listen: str | None
    reverse_proxy: bool
    reverse_upstream: str | None
    reverse_listen: str | None
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
    scope: str
    lifetime: str
    yes: bool
    redact: bool
    body: Path | None
    note: str
    state: str
    address: str | None
    shell: str
    file: Path | None
    last: int
    filter: str
    paths: list[Path]
    format: str | None
    exclude: list[str]
    max_bytes: int
    min_severity: str
    include_deps: bool
    fail_on_skip: bool
    no_ignore: bool
    verbose: bool
    binary: str | None
    text: str | None
    stdin: bool
    direction: str | None
    no_color: bool
    resolve: bool
    name: str
    value: str | None
    env_var: str
    literal: bool
    ca: bool
    no_ca: bool
    no_proxy: str
    unset: bool
    org: str | None
    validity: str | None
    out: Path | None
    cert: Path | None
    pem: bool
    store: str | None
    dry_run: bool
    finish: bool
    dialect: str | None
    key: str | None
    tier: str | None
    to: str | None
    choice: str | None
    no_prompt: bool
    label: str
    reason: str
    source: str | None
    action: str | None
    span: str
    query: str | None
    since: float | None
    limit: int
    all: bool
    days: int
    finding: int
    new: str
    base: Path | None
    fail_on: str
    check: bool
    now: bool
    purge: bool
    sandbox: bool
    workspace: str | None
    profile: str | None
    session_name: str | None
    strict: bool
    best_effort: bool
    allow_read: list[str]
    allow_write: list[str]
    mask: list[str]
    unix_socket: list[str]
    env: list[str]
    allow: list[str]
    host_port: list[str]
    caches: str | None
    explain: bool
    write: bool
    quiet: bool
    path: str | None
    api_url: str | None
    api_token: str | None
    host: str
    port: str
    proxy: str | None
    remote: str | None


class Option(msgspec.Struct, frozen=True):
    """A flag. Without a `metavar` and without `choices` it is a switch that is off unless given.

    Attributes:
        flags: Short form first, long form last.
        convert: Makes the value of the text; a `ValueError` or `argparse.ArgumentTypeError` is a usage error.
        path: The value is a file, for completion.
        repeat: May be given several times; the value is a list, empty by default.
    """

    flags: tuple[str, ...]
    help: str
    name: str
    metavar: str = ""
    choices: tuple[str, ...] = ()
    convert: Callable[[str], object] = str
    default: object = None
    path: bool = False
    repeat: bool = False

    @property
    def is_switch(self) -> bool:
        """Whether the flag takes no value."""
        return not self.metavar and not self.choices


class Operand(msgspec.Struct, frozen=True):
    """A word that is recognised by its place; with `many`, one or more of them, which are paths.

    An `optional` one is the last and may be missing. `offered` are words that shells complete; others are taken too.
    """

    name: str
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""
    many: bool = False
    optional: bool = False
    offered: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What shells complete."""
        return self.choices or self.offered


class Command(msgspec.Struct, frozen=True):
    """One verb.

    Attributes:
        module: Has `execute(arguments: Arguments) -> int`, which gives the exit code.
        details: Further paragraphs of `--help`.
        takes_agent: What follows `--` is a command line of its own.
        brief: Nothing is left to be done when it returns (threads, exit handlers), and it makes little that a garbage
            collector would find: it does without both, which takes longer than some launches.
    """

    name: str
    module: str
    summary: str
    options: tuple[Option, ...] = ()
    operands: tuple[Operand, ...] = ()
    details: str = ""
    takes_agent: bool = False
    brief: bool = False


JSON = Option(("--json",), "print JSON", "json")
"""For every command that has something to print."""
