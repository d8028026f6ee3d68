"""Whether an answer is one of those that were offered."""

from __future__ import annotations

from pipelock.engine.approvals.limits import BadAnswerError
from pipelock.model import MAX_EDIT, Answer, AnswerWord, Lifetime, Offer, Pending, Scope

__all__ = ["taken"]


def taken(pending: Pending, answer: Answer) -> Offer:
    """The offer that `answer` takes.

    Raises:
        BadAnswerError: it takes none.
    """
    offer = next((offer for offer in pending.offers if offer.scope is answer.scope), None)
    if offer is None:
        raise BadAnswerError(f"the scope {answer.scope.value} is not offered here")
    if answer.lifetime not in offer.lifetimes:
        raise BadAnswerError(f"{answer.lifetime.value} is not offered with the scope {answer.scope.value} here")
    if answer.word not in (AnswerWord.REDACT, AnswerWord.EDIT):
        return offer
    if answer.scope is not Scope.PAYLOAD or answer.lifetime is not Lifetime.ONCE:
        raise BadAnswerError("what is changed before it is sent is approved for exactly this, once")
    if answer.word is AnswerWord.REDACT and not pending.redactable:
        raise BadAnswerError("what was found can't be taken out of this")
    if answer.word is AnswerWord.EDIT:
        _check_edit(pending, answer.body)
    return offer


def _check_edit(pending: Pending, body: bytes | None) -> None:
    if not pending.editable:
        raise BadAnswerError("this has no text that can be changed")
    if body is None or len(body) > MAX_EDIT:
        raise BadAnswerError(f"another body is needed, of at most {MAX_EDIT} bytes")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadAnswerError("another body must be a text in UTF-8") from error
