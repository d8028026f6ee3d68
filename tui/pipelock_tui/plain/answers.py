"""Answers as they are typed: `a 7`, `t 7 1h host`, `d 7 use the main branch`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pipelock.model import MAX_NOTE, Answer, AnswerWord, Lifetime, Offer, Pending, Scope
from pipelock_tui.pending.choices import offers_of, sentence

__all__ = ["ANSWERS", "TypedError", "Wanted", "read_answer"]

T = TypeVar("T")
ANSWERS = {
    "a": (AnswerWord.ALLOW, Lifetime.ONCE),
    "s": (AnswerWord.ALLOW, Lifetime.SESSION),
    "t": (AnswerWord.ALLOW, None),
    "F": (AnswerWord.ALLOW, Lifetime.FOREVER),
    "d": (AnswerWord.DENY, Lifetime.ONCE),
    "D": (AnswerWord.DENY, None),
    "r": (AnswerWord.REDACT, Lifetime.ONCE),
}
"""By command: the word, and the lifetime unless one must follow."""


class TypedError(ValueError):
    """The command can't be carried out as it was typed; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed. `words` say what it lets through; `sure` that they were read before."""

    answer: Answer
    offer: Offer
    words: str
    sure: bool


def read_answer(command: str, rest: str, pending: Pending) -> Wanted:
    """Read what follows the prompt's number.

    First the lifetime where one is needed, then a scope if it is not the narrowest, then `yes` if it is broad; what
    is left is the note of a denial.

    Raises:
        TypedError: A scope or lifetime that is not offered, a note that is not wanted, nothing to redact.
    """
    word, lifetime = ANSWERS[command]
    tokens = rest.split()
    if lifetime is None:
        lifetime = _take(tokens, {each.value: each for each in Lifetime})
        if lifetime is None:
            raise TypedError("say for how long: session, 5m, 1h, 12h, restart or forever")
    scope = None if word is AnswerWord.REDACT else _take(tokens, {each.value: each for each in Scope})
    sure = bool(tokens) and tokens[0] == "yes"
    note = " ".join(tokens[1:] if sure else tokens)
    if note and word is not AnswerWord.DENY:
        raise TypedError("only a denial takes a note; nothing was done")
    if len(note) > MAX_NOTE:
        raise TypedError(f"a note has at most {MAX_NOTE} characters")
    if word is AnswerWord.REDACT and not pending.redactable:
        raise TypedError("nothing in it can be replaced by a placeholder")
    offer = _offer(pending, scope)
    if lifetime not in offer.lifetimes and lifetime is not Lifetime.ONCE:
        offered = ", ".join(each.value for each in offer.lifetimes)
        raise TypedError(f"{offer.scope.value} is not offered for {lifetime.value}, only for {offered}")
    if lifetime not in offer.lifetimes:
        offer = offers_of(pending)[0]
    clause = offer.deny if word is AnswerWord.DENY else offer.allow
    return Wanted(Answer(word, offer.scope, lifetime, note), offer, sentence(clause, lifetime, offer.covers), sure)


def _take(tokens: list[str], words: dict[str, T]) -> T | None:
    found = words.get(tokens[0]) if tokens else None
    if found is not None:
        tokens.pop(0)
    return found


def _offer(pending: Pending, scope: Scope | None) -> Offer:
    offers = offers_of(pending)
    if scope is None:
        return offers[0]
    found = next((offer for offer in offers if offer.scope is scope), None)
    if found is None:
        raise TypedError(f"{scope.value} is not offered; there is {', '.join(each.scope.value for each in offers)}")
    return found
