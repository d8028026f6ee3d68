"""`pipelock pending`: what waits for a person."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pipelock.cli.lines import action_text, count, duration, size_text
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.model import Pending, escape

__all__ = ["execute", "report"]


def execute(arguments: Arguments) -> int:
    """Print the held requests, oldest first."""
    with open_client(arguments) as client:
        items = client.pending()
    if arguments.json:
        print_json(items)
    else:
        print(report(items, time.time()))
    return 0


def report(items: Sequence[Pending], now: float) -> str:
    """The held requests as text, a few lines each; `now` is seconds since the epoch."""
    if not items:
        return "Nothing waits for you."
    return "\n\n".join(_item(item, now) for item in items)


def _item(item: Pending, now: float) -> str:
    action = item.action
    who = escape(action.agent or action.client or "an unnamed agent", 80)
    lines = [
        f"{escape(item.id, 20)}  {action_text(action)}",
        f"    from {who}, {size_text(action.size)} of body, denied in {duration(item.expires_at - now)}",
        f"    why: {escape(item.reason, 500)}",
    ]
    if item.twins > 1:
        lines.append(f"    {count(item.twins, 'identical request')} wait; one answer is for all")
    lines += [
        f"    found: {escape(f'{finding.rule} in {finding.place}: {finding.excerpt or finding.message}', 300)}"
        for finding in item.findings[:10]
    ]
    if len(item.findings) > 10:
        lines.append(f"    and {count(len(item.findings) - 10, 'more finding')}")
    if action.preview:
        lines.append(f"    body: {escape(action.preview, 300)}")
    return "\n".join(lines)
