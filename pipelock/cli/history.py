"""`pipelock history`: decisions of the past, searched in the history's file; no daemon is needed."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.lines import action_text
from pipelock.cli.output import as_json, mark
from pipelock.cli.table import Arguments
from pipelock.control.paths import home_dir
from pipelock.evidence.history import FILE
from pipelock.evidence.history_search import BrokenHistoryError, Reader
from pipelock.model import Record, Verdict, escape
from pipelock.query import FilterError, parse

__all__ = ["MAX_LIMIT", "execute", "history_path", "record_line"]

MAX_LIMIT = 100_000
"""Largest `--limit`: that many decisions are kept in memory."""
_COLOURS = {Verdict.BLOCK: "red", Verdict.ALLOW: "green"}


def execute(arguments: Arguments) -> int:
    """Print what the query means, newest last as in a log; exit code 1 where nothing is found."""
    if not 1 <= arguments.limit <= MAX_LIMIT:
        raise UsageError(f"--limit is 1 to {MAX_LIMIT}")
    try:
        wanted = parse(arguments.query or "")
    except FilterError as error:
        raise UsageError(str(error)) from error
    found: list[Record] = []
    try:
        with Reader(history_path(arguments)) as reader:
            for record, _looked, _total in reader.every(wanted, since=arguments.since or 0.0):
                found.append(record)
                if len(found) == arguments.limit:
                    break
    except BrokenHistoryError as error:
        raise CommandError(f"there is no history to search ({error})") from error
    for record in reversed(found):
        print(as_json(record, None) if arguments.json else record_line(record))
    if len(found) == arguments.limit and not arguments.json:
        print(f"pipelock: the newest {arguments.limit}; --limit shows more", file=sys.stderr)
    return 0 if found else 1


def history_path(arguments: Arguments) -> Path:
    """Where the history of the home is that the command line names."""
    return home_dir(os.environ, arguments.home) / FILE


def record_line(record: Record) -> str:
    """One decision as a line: when, what, why, and the id by which it can be asked about."""
    action, decision = record.action, record.decision
    when = dt.datetime.fromtimestamp(record.at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    verdict = mark(f"{decision.verdict.value:<8}", _COLOURS.get(decision.verdict, "yellow"))
    rule = decision.rule or (decision.findings[0].rule if decision.findings else "")
    why = " ".join(part for part in (decision.layer, rule if rule != decision.layer else "") if part)
    who = action.agent or action.client
    return f"{when}  {verdict} {escape(who, 40)}  {action_text(action)}  {escape(why, 100)}  [{escape(action.id, 60)}]"
