"""`pipelock suppress`: declare a finding harmless, as narrowly as can be, and take that back."""

from __future__ import annotations

import sys

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.link import open_client
from pipelock.cli.output import complain, print_json
from pipelock.cli.rules import read_rules, show_rules
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.control.client import Client
from pipelock.model import Fix, RuleKind, escape, escape_lines

__all__ = ["execute"]

_SLOW = 30.0
"""Seconds for what looks through the history."""


def execute(arguments: Arguments) -> int:
    """List, propose, add or remove; exit code 1 where nothing may be suppressed, or the answer was no."""
    if arguments.what != "list" and not arguments.id:
        raise UsageError(f"suppress {arguments.what} needs the id of {_WHAT[arguments.what]}")
    if not 1 <= arguments.days <= 3650:
        raise UsageError("--days is 1 to 3650")
    with open_client(arguments) as client:
        match arguments.what:
            case "list":
                rows = [row for row in read_rules(client) if row.kind is RuleKind.SUPPRESSION]
                show_rules(rows, as_json=arguments.json)
                return 0
            case "remove":
                done = client.ask(lambda number: frames.RemoveSuppression(number, arguments.id or ""), frames.Ok, _SLOW)
                _say(done.detail, as_json=arguments.json)
                return 0
            case _:
                return _fix(client, arguments)


_WHAT = {"propose": "an action", "add": "an action", "remove": "an entry"}


def _fix(client: Client, arguments: Arguments) -> int:
    fix = client.ask(
        lambda number: frames.ProposeFix(number, arguments.id or "", arguments.finding, arguments.days),
        frames.FixReply,
        _SLOW,
    ).fix
    adds = arguments.what == "add" and fix.possible
    if not (arguments.json and adds):
        print_json(fix) if arguments.json else print(_text(fix))
    if not adds:
        return 0 if fix.possible else 1
    if not arguments.yes and not _agreed():
        complain("nothing was written")
        return 1
    done = client.ask(lambda number: frames.ApplyFix(number, fix.id), frames.Ok, _SLOW)
    _say(done.detail, as_json=arguments.json)
    return 0


def _agreed() -> bool:
    """Whether a person says yes; without one there is nobody to say it."""
    if not sys.stdin.isatty():
        raise CommandError("nobody is there to agree; say --yes")
    print("Write it? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _text(fix: Fix) -> str:
    if not fix.possible:
        return f"No suppression can lift this: {escape(fix.words, 1000)}"
    lines = [escape(fix.words, 1000), "", escape_lines(fix.entry.rstrip()), ""]
    verdict = fix.verdict.value if fix.verdict is not None else "can't be told"
    lines.append(f"This action: {verdict}. It would also unblock {fix.unblocked} of {fix.others} others.")
    lines += [f"  {escape(example, 300)}" for example in fix.examples]
    if fix.unknown:
        lines.append(f"  {fix.unknown} could not be judged again: the record does not hold enough.")
    return "\n".join(lines)


def _say(detail: str, *, as_json: bool) -> None:
    print_json({"ok": True, "detail": detail}) if as_json else print(escape_lines(detail))
