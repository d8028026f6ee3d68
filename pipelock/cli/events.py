"""`pipelock events`: what happened, once or as it happens."""

from __future__ import annotations

from collections.abc import Iterator

from pipelock.cli.lines import event_line, gap_line
from pipelock.cli.link import open_client
from pipelock.cli.output import as_json, colour_of, mark
from pipelock.cli.table import Arguments
from pipelock.control.client import Client
from pipelock.control.frames import Gap
from pipelock.model import Decided, Event

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Print events as lines; without `--follow` those that are there, else until interrupted."""
    with open_client(arguments) as client:
        for item in _items(client, arguments):
            print(_json_line(item) if arguments.json else _text_line(item), flush=arguments.follow)
    return 0


def _items(client: Client, arguments: Arguments) -> Iterator[Event | Gap]:
    # Numbers start again with each daemon, so "after" means this one's; the client needs its epoch to say so.
    epoch = client.welcome.epoch if arguments.after is not None else ""
    after = arguments.after or 0
    last = 0 if arguments.follow else client.status().last_seq
    if not arguments.follow and (after >= last or arguments.backlog == 0):
        return
    for item in client.events(epoch, after, arguments.backlog):
        yield item
        end = item.last if isinstance(item, Gap) else item.seq
        if not arguments.follow and end >= last:
            return


def _json_line(item: Event | Gap) -> str:
    return as_json({"gap": item} if isinstance(item, Gap) else item, indent=None)


def _text_line(item: Event | Gap) -> str:
    if isinstance(item, Gap):
        return mark(gap_line(item), "yellow")
    line = event_line(item)
    payload = item.payload
    return mark(line, colour_of(payload.record.decision.verdict)) if isinstance(payload, Decided) else line
