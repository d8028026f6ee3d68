"""`pipelock reload`."""

from __future__ import annotations

from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.model import escape, escape_lines

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Have the daemon read its configuration again; a file that is not valid leaves the old policy in force."""
    if arguments.dry_run:
        return _review(arguments)
    with open_client(arguments) as client:
        done = client.reload()
    if arguments.json:
        print_json({"ok": True, "detail": done.detail})
    else:
        print(escape_lines(done.detail) or "The configuration was read again.")
    return 0


def _review(arguments: Arguments) -> int:
    """Say what the file on disk would change; exit code 1 where it is not valid or weaker."""
    with open_client(arguments) as client:
        review = client.ask(frames.ReviewConfig, frames.ConfigReply, 15.0).review
    if arguments.json:
        print_json(review)
    elif review.error:
        print(f"Not valid, a reload would change nothing:\n{escape_lines(review.error)}")
    elif not review.changes:
        print("The file is what is in force.")
    else:
        for change in review.changes:
            notes = [
                note for note in (change.weaker and f"WEAKER: {change.weaker}", "restart" * change.restart) if note
            ]
            said = f"  ({'; '.join(notes)})" if notes else ""
            print(escape(f"{change.key}: {change.old or 'empty'} → {change.new or 'empty'}{said}", 800))
        for text in review.weaker:
            print(escape(f"! weaker: {text}", 800))
    return 1 if review.error or review.weaker else 0
