"""`pipelock approve` and `pipelock deny`."""

from __future__ import annotations

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.lines import action_text, count, size_text
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.model import AnswerWord, Pending, escape

__all__ = ["MAX_NOTE", "execute", "report"]

MAX_NOTE = 500


def execute(arguments: Arguments) -> int:
    """Answer one held request, bound to what it was when we looked, and say what that allowed or refused."""
    if len(arguments.note) > MAX_NOTE:
        raise UsageError(f"the note is {len(arguments.note)} characters long; {MAX_NOTE} is the limit")
    word = _word(arguments)
    with open_client(arguments) as client:
        item = next((item for item in client.pending() if item.id == arguments.id), None)
        if item is None:
            raise CommandError(f"nothing waits under the id {arguments.id}; `pipelock pending` lists what does")
        done = client.answer(item.id, word, arguments.note, item.binding)
    if arguments.json:
        print_json({"answer": word, "count": done.count, "detail": done.detail, "pending": item})
    else:
        print(report(item, word, done.count))
    return 0


def report(item: Pending, word: AnswerWord, answered: int) -> str:
    """In plain words, what the answer did; `answered` counts the identical requests that had waited."""
    action = item.action
    body = f" with {size_text(action.size)} of body" if action.size else ""
    target = f"{action_text(action)}{body}"
    who = escape(action.agent or action.client or "the agent", 80)
    match word:
        case AnswerWord.ONCE:
            text = f"Allowed once for {who}: {target}. The next one is asked about again."
        case AnswerWord.SESSION:
            text = (
                f"Allowed for {who}'s session: {target}. Exact repetitions pass without asking until the policy "
                "changes or the daemon ends; anything else is asked about."
            )
        case AnswerWord.DENY:
            text = f"Denied for {who}, once: {target}. No rule was written."
    return f"{text}\n{count(answered, 'waiting request')} answered." if answered != 1 else text


def _word(arguments: Arguments) -> AnswerWord:
    if arguments.verb == "deny":
        return AnswerWord.DENY
    return AnswerWord.SESSION if arguments.session else AnswerWord.ONCE
