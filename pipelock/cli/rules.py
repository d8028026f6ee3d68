"""`pipelock rules`: what each rule met since the daemon started."""

from __future__ import annotations

import time
from functools import partial

from pipelock.cli.lines import duration
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json, print_table
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.control.client import Client
from pipelock.model import RuleKind, RuleRow

__all__ = ["execute", "read_rules", "show_rules"]

_HEADS = ("KIND", "RULE", "WHERE", "DOES", "HITS", "LAST", "EXPIRES", "FROM", "ID")


def execute(arguments: Arguments) -> int:
    """Print the rules that met something, the latest first; all of them with `--all`."""
    with open_client(arguments) as client:
        rows = read_rules(client)
    wanted = [row for row in rows if arguments.all or row.hits or row.kind is not RuleKind.DETECTION]
    show_rules(wanted, as_json=arguments.json)
    return 0


def read_rules(client: Client) -> list[RuleRow]:
    """All rows that the daemon has."""
    rows: list[RuleRow] = []
    while True:
        offset = len(rows)
        reply = client.ask(partial(frames.ListRules, offset=offset), frames.RulesReply)
        rows += reply.items
        if not reply.more or not reply.items:
            return rows


def show_rules(rows: list[RuleRow], *, as_json: bool) -> None:
    """Print them as a table, or as JSON."""
    now = time.time()
    if as_json:
        print_json(rows)
    elif not rows:
        print("None.")
    else:
        print_table(
            _HEADS,
            [
                (
                    row.kind.value,
                    row.name,
                    row.where,
                    row.action,
                    str(row.hits),
                    f"{duration(now - row.last_hit_at)} ago" if row.last_hit_at else "",
                    _expiry(row.expires_at, now),
                    row.source,
                    row.id,
                )
                for row in rows
            ],
        )


def _expiry(at: float, now: float) -> str:
    if not at:
        return ""
    return f"in {duration(at - now)}" if at > now else "past"
