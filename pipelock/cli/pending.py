"""`pipelock pending`: what waits for a person."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pipelock.cli.lines import action_text, count, duration, size_text
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.model import Offer, Pending, Process, escape

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
        f"    from {who}, {size_text(action.size)} of body, {_deadline(item, now)}",
        f"    why: {escape(item.reason, 500)}",
    ]
    if item.taint is not None:
        rests = f" ({item.taint.source})" if item.taint.source else ""
        weighed = f"{item.taint.action_class}, {item.taint.sensitivity} path, authority {item.taint.authority}"
        lines.append(f"    taint: {escape(f'{item.taint.level.value}{rests}; {weighed}', 500)}")
    if item.processes:
        lines.append(f"    asked by: {' < '.join(map(_process, item.processes[:5]))}")
    if item.twins > 1:
        lines.append(f"    {count(item.twins, 'identical request')} wait; one answer is for all")
    lines += [
        f"    found: {escape(f'{finding.rule} in {finding.place}: {finding.excerpt or finding.message}', 300)}"
        for finding in item.findings[:10]
    ]
    if len(item.findings) > 10:
        lines.append(f"    and {count(len(item.findings) - 10, 'more finding')}")
    if item.offers:
        lines.append(f"    scopes: {', '.join(map(_scope, item.offers))}")
    ways = [word for word, may in (("--redact", item.redactable), ("--body FILE", item.editable)) if may]
    if ways:
        lines.append(f"    may be changed first: {', '.join(ways)}")
    if action.remote:
        lines.append(f"    says: {escape(action.remote, 300)}")
    if action.preview:
        lines.append(f"    body: {escape(action.preview, 300)}")
    return "\n".join(lines)


def _deadline(item: Pending, now: float) -> str:
    if not item.expires_at:
        return "waits as long as the client does"
    paused = " (paused: somebody is looking at it)" if item.paused else ""
    return f"denied in {duration(item.expires_at - now)}{paused}"


def _process(process: Process) -> str:
    return f"{escape(process.program or 'unknown', 64)} (pid {process.pid})"


def _scope(offer: Offer) -> str:
    return f"{offer.scope.value} ({offer.covers} more)" if offer.covers else offer.scope.value
