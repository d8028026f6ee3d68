"""`pipelock approve` and `pipelock deny`."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelock.cli.errors import CommandError, UsageError
from pipelock.cli.lines import action_text, count, size_text
from pipelock.cli.link import open_client
from pipelock.cli.output import print_json
from pipelock.cli.table import Arguments
from pipelock.control import frames
from pipelock.control.client import Client
from pipelock.model import MAX_EDIT, MAX_NOTE, Answer, AnswerWord, Lifetime, Offer, Pending, Scope, escape

__all__ = ["LIFETIMES", "SCOPES", "execute", "report"]

SCOPES = tuple(scope.value for scope in Scope)
LIFETIMES = tuple(lifetime.value for lifetime in Lifetime)


def execute(arguments: Arguments) -> int:
    """Answer one held request, bound to what it was when we looked, and say what that allowed or refused.

    What lets through much more than is shown, or holds for good, is asked about once more.
    """
    answer = _answer(arguments)
    with open_client(arguments) as client:
        item = next((item for item in client.pending() if item.id == arguments.id), None)
        if item is None:
            raise CommandError(f"nothing waits under the id {arguments.id}; `pipelock pending` lists what does")
        offer = _offered(item, answer)
        _confirm(client, item, answer, offer, arguments)
        done = client.answer(item.id, answer, item.binding)
    if arguments.json:
        print_json({"answer": answer.word, "count": done.count, "grant": done.grant, "pending": item})
    else:
        print(report(item, answer, offer, done))
    return 0


def report(item: Pending, answer: Answer, offer: Offer, done: frames.AnsweredReply) -> str:
    """In plain words, what the answer did."""
    headline = _headline(item, answer)
    if answer.word not in (AnswerWord.ALLOW, AnswerWord.DENY):
        lines = [f"{headline}. It is judged again before it goes on."]
    elif done.grant is not None:
        revoke = f"pipelock approvals revoke {escape(done.grant.id, 64)}"
        lines = [f"{headline}: {_words(offer, answer)}.", f"Take it back with: {revoke}"]
    else:
        words = _words(offer, answer)
        lines = [f"{headline}: {words}.", "No rule was written: the next one is asked about again."]
    if done.count != 1:
        lines.append(f"{count(done.count, 'waiting request')} answered.")
    return "\n".join(lines)


def _headline(item: Pending, answer: Answer) -> str:
    match answer.word:
        case AnswerWord.ALLOW:
            return "Allowed"
        case AnswerWord.DENY:
            return "Denied"
        case AnswerWord.REDACT:
            return f"Approved without what was found in it: {action_text(item.action)}"
        case AnswerWord.EDIT:
            return f"Approved with another body ({size_text(len(answer.body or b''))}): {action_text(item.action)}"


def _words(offer: Offer, answer: Answer) -> str:
    clause = offer.deny if answer.word is AnswerWord.DENY else offer.allow
    return escape(f"{clause} {answer.lifetime.words}", 1200)


def _offered(item: Pending, answer: Answer) -> Offer:
    """The offer that `answer` takes. Raises CommandError where it was not made, with those that were."""
    offer = next((offer for offer in item.offers if offer.scope is answer.scope), None)
    if offer is None:
        scopes = ", ".join(offer.scope.value for offer in item.offers)
        raise CommandError(f"{item.id} can't be answered with the scope {answer.scope.value}; offered: {scopes}")
    if answer.lifetime not in offer.lifetimes:
        lifetimes = ", ".join(lifetime.value for lifetime in offer.lifetimes)
        raise CommandError(
            f"with the scope {answer.scope.value}, {item.id} can't be answered for {answer.lifetime.value}; "
            f"offered: {lifetimes}"
        )
    return offer


def _confirm(client: Client, item: Pending, answer: Answer, offer: Offer, arguments: Arguments) -> None:
    broad = offer.broad and answer.word is AnswerWord.ALLOW
    if arguments.yes or not (broad or answer.lifetime is Lifetime.FOREVER):
        return
    words = _words(offer, answer)
    if arguments.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise CommandError(f"this reaches far: {words}. Say --yes to mean it")
    client.ask(lambda number: frames.LookAt(number, item.id), frames.Ok)
    also = f" {count(offer.covers, 'more waiting request')} would be answered too." if offer.covers else ""
    sys.stderr.write(f"{_headline(item, answer)}: {words}.{also}\nDo you mean that? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline(16).strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was answered")


def _answer(arguments: Arguments) -> Answer:
    if len(arguments.note) > MAX_NOTE:
        raise UsageError(f"the note is {len(arguments.note)} characters long; {MAX_NOTE} is the limit")
    scope, lifetime = Scope(arguments.scope), Lifetime(arguments.lifetime)
    if arguments.verb == "deny":
        return Answer(AnswerWord.DENY, scope, lifetime, arguments.note)
    if not (arguments.redact or arguments.body):
        return Answer(AnswerWord.ALLOW, scope, lifetime, arguments.note)
    if arguments.redact and arguments.body:
        raise UsageError("--redact and --body exclude each other")
    if scope is not Scope.PAYLOAD or lifetime is not Lifetime.ONCE:
        raise UsageError("what is changed is approved for exactly this, once: leave out --scope and --for")
    if arguments.redact:
        return Answer(AnswerWord.REDACT, note=arguments.note)
    return Answer(AnswerWord.EDIT, note=arguments.note, body=_read(arguments.body))


def _read(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_EDIT + 1)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error
    if len(body) > MAX_EDIT:
        raise CommandError(f"{path} is longer than {MAX_EDIT} bytes, more than a body may have that is sent instead")
    return body
