"""`pipelock approve` and `pipelock deny`."""

from __future__ import annotations

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.lines import action_text, count, size_text
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.model import Answer, AnswerWord, Lifetime, Pending, escape

__all__ = ["MAX_NOTE", "execute", "report"]

MAX_NOTE = 500


def execute(arguments: Arguments) -> int:
    """Answer one held request, bound to what it was when we looked, and say what that allowed or refused."""
    if len(arguments.note) > MAX_NOTE:
        raise UsageError(f"the note is {len(arguments.note)} characters long; {MAX_NOTE} is the limit")
    answer = _answer(arguments)
    with open_client(arguments) as client:
        item = next((item for item in client.pending() if item.id == arguments.id), None)
        if item is None:
            raise CommandError(f"nothing waits under the id {arguments.id}; `pipelock pending` lists what does")
        done = client.answer(item.id, answer, item.binding)
    if arguments.json:
        print_json({"answer": answer.word, "count": done.count, "grant": done.grant, "pending": item})
    else:
        print(report(item, answer, done.count))
    return 0


def report(item: Pending, answer: Answer, answered: int) -> str:
    """In plain words, what the answer did; `answered` counts the identical requests that had waited."""
    action = item.action
    body = f" with {size_text(action.size)} of body" if action.size else ""
    target = f"{action_text(action)}{body}"
    who = escape(action.agent or action.client or "the agent", 80)
    if answer.word is AnswerWord.DENY:
        text = f"Denied for {who}, once: {target}. No rule was written."
    elif answer.lifetime is Lifetime.SESSION:
        text = (
            f"Allowed for {who}'s session: {target}. Exact repetitions pass without asking until the policy "
            "changes or the daemon ends; anything else is asked about."
        )
    else:
        text = f"Allowed once for {who}: {target}. The next one is asked about again."
    return f"{text}\n{count(answered, 'waiting request')} answered." if answered != 1 else text


def _answer(arguments: Arguments) -> Answer:
    if arguments.verb == "deny":
        return Answer(AnswerWord.DENY, note=arguments.note)
    lifetime = Lifetime.SESSION if arguments.session else Lifetime.ONCE
    return Answer(AnswerWord.ALLOW, lifetime=lifetime, note=arguments.note)
