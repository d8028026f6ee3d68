"""`pipelock approvals`: the answers that hold for more than once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.lines import count, duration
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.control.client import Client
from pipelock.model import Grant, Lifetime, escape

__all__ = ["execute", "report", "unreviewed_text"]

_MAX_PAGES = 100


def execute(arguments: Arguments) -> int:
    """Show the answers that hold, what somebody else wrote into approvals.yaml, take it over, or take one back."""
    grant_id = arguments.id
    if (arguments.what == "revoke") is not bool(grant_id):
        raise UsageError("revoke needs the ID of an answer, and nothing else does; `pipelock approvals list` has them")
    with open_client(arguments) as client:
        match arguments.what:
            case "list":
                grants, unreviewed = _read(client)
                _show(arguments, {"grants": grants, "unreviewed": unreviewed}, report(grants, unreviewed, time.time()))
            case "diff":
                _, unreviewed = _read(client)
                _show(arguments, {"unreviewed": unreviewed}, unreviewed_text(unreviewed))
                return 1 if unreviewed else 0
            case "review":
                done = client.ask(frames.ReviewGrants, frames.Ok)
                _show(arguments, {"detail": done.detail}, escape(done.detail, 1200))
            case _:
                done = client.ask(lambda number: frames.RevokeGrant(number, grant_id), frames.Ok)
                _show(arguments, {"detail": done.detail, "id": grant_id}, escape(done.detail, 1200))
    return 0


def report(grants: Sequence[Grant], unreviewed: Sequence[str], now: float) -> str:
    """The answers as text, two lines each; `now` is seconds since the epoch."""
    items = [_item(grant, now) for grant in grants] or ["No answer holds for more than once."]
    if unreviewed:
        items.append(
            "approvals.yaml was changed by somebody else and that is not in force; `pipelock approvals diff` shows it."
        )
    return "\n".join(items)


def unreviewed_text(lines: Sequence[str]) -> str:
    """The difference between approvals.yaml and what is in force."""
    return "\n".join(escape(line, 1200) for line in lines) if lines else "approvals.yaml is what is in force."


def _item(grant: Grant, now: float) -> str:
    hits = f"decided {count(grant.hits, 'time')}"
    if grant.hits:
        hits += f", last {duration(now - grant.last_hit_at)} ago"
    left = f", ends in {duration(grant.expires_at - now)}" if grant.expires_at else ""
    where = f", in session {escape(grant.session, 100)}" if grant.lifetime is Lifetime.SESSION else ""
    note = f"\n    note: {escape(grant.note, 500)}" if grant.note else ""
    word = "allow" if grant.allow else "deny "
    by = f" by {escape(grant.by, 100)}" if grant.by else ""
    return f"{escape(grant.id, 64)}  {word}  {escape(grant.words, 1200)}\n    answered{by}; {hits}{left}{where}{note}"


def _read(client: Client) -> tuple[list[Grant], tuple[str, ...]]:
    found: dict[str, Grant] = {}
    offset = 0
    for _ in range(_MAX_PAGES):
        page = client.ask(partial(frames.ListGrants, offset=offset), frames.GrantsReply)
        # One that was added meanwhile pushes another into view a second time.
        for grant in page.items:
            found.setdefault(grant.id, grant)
        offset += len(page.items)
        if not page.more:
            return list(found.values()), page.unreviewed
    raise CommandError("the daemon's list of answers does not end")


def _show(arguments: Arguments, data: object, text: str) -> None:
    if arguments.json:
        print_json(data)
    else:
        print(text)
