"""What may be answered to a held action, and what each answer would do. Pure.

The daemon says which scopes and lifetimes there are and in which words (`Pending.offers`); here they are joined with
the keys, and where an answer is not to be had, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelock.model import Answer, AnswerWord, Direction, Kind, Lifetime, Offer, Pending, Scope
from pipelock_tui.text import cut
from pipelock_tui.words import number

__all__ = [
    "MAX_URL",
    "SCOPES",
    "Choice",
    "answered_words",
    "choices",
    "denial",
    "exactly",
    "is_flagged",
    "lifetimes",
    "offers_of",
    "sentence",
]

MAX_URL = 200
"""Cells of a URL that are shown where an answer is explained; the detail has all of it."""
SCOPES = {
    Scope.PAYLOAD: "exactly this",
    Scope.URL: "this URL",
    Scope.PATH: "this folder",
    Scope.HOST: "this host",
    Scope.DOMAIN: "the domain",
    Scope.PROCESS: "the program",
}
_SHORT = {Lifetime.ONCE: "once", Lifetime.FOREVER: "for good"}
TIMED = (Lifetime.M5, Lifetime.H1, Lifetime.H12, Lifetime.RESTART)


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer. `action` is the stable name of its key; `objection` says why it is not to be had, else empty."""

    action: str
    label: str
    words: str
    objection: str = ""


def is_flagged(pending: Pending) -> bool:
    """Whether something was noticed in it, so that it is never answered along with others."""
    return bool(pending.findings)


def offers_of(pending: Pending) -> tuple[Offer, ...]:
    """The scopes that may be chosen; where the daemon offers none, exactly what is shown, once."""
    if pending.offers:
        return pending.offers
    return (Offer(Scope.PAYLOAD, exactly(pending), "refuse it"),)


def exactly(pending: Pending) -> str:
    """In plain words what goes out, or is let in, if exactly what is shown is allowed."""
    action = pending.action
    twins = f"these {pending.twins} identical" if pending.twins > 1 else "this one"
    plural = "s" if pending.twins > 1 else ""
    where = cut(action.url or action.host, MAX_URL)
    if action.kind is Kind.CONNECT:
        inside = "what goes through is judged only where TLS interception opens it"
        return f"open {twins} tunnel{plural} to {action.host}:{action.port}; {inside}"
    if action.direction is Direction.INBOUND or action.kind is Kind.RESPONSE:
        return f"let {twins} answer{plural} from {where} reach the agent as is, {number(action.size)} bytes"
    if action.kind.is_part:
        return f"send {twins} {action.kind.value}{plural} to {where}, {number(action.size)} bytes"
    body = f", {number(action.size)} byte body" if action.size else ""
    return f"send {twins} {action.method} request{plural} to {where}{body}"


def sentence(clause: str, lifetime: Lifetime, covers: int = 0) -> str:
    """A clause of an offer with its lifetime, as a sentence. `covers` others are settled by it at once."""
    others = f" Settles {covers} other{'s' if covers > 1 else ''} that wait." if covers else ""
    return f"{clause[:1].upper()}{clause[1:]}, {lifetime.words}.{others}"


def lifetimes(offer: Offer, *, allow: bool) -> tuple[Lifetime, ...]:
    """Those that the menu of `t` (allow for a time) or of `D` (deny, and go on denying) shows."""
    if allow:
        return tuple(each for each in offer.lifetimes if each in TIMED)
    return tuple(each for each in offer.lifetimes if each is not Lifetime.ONCE)


def choices(pending: Pending, offer: Offer) -> tuple[Choice, ...]:
    """Every answer to `pending` with the scope of `offer`, in the order of the keys.

    `words` say for how long, or what is done instead; what is allowed or denied stands in the offer.
    """
    timed, denied = lifetimes(offer, allow=True), lifetimes(offer, allow=False)
    here = f"not offered for {SCOPES[offer.scope]}" + (": something was noticed in it" if is_flagged(pending) else "")
    others = f"; settles {offer.covers} other{'s' if offer.covers > 1 else ''} that wait" if offer.covers else ""
    return (
        _lasting("answer.once", "once", offer, Lifetime.ONCE, here=here, others=others),
        _lasting("answer.session", "session", offer, Lifetime.SESSION, here=here),
        Choice("answer.timed", "for a time", _listed("for a time", timed), "" if timed else here),
        _lasting("answer.forever", "for good", offer, Lifetime.FOREVER, here=here),
        Choice("answer.deny", "deny", Lifetime.ONCE.words + (others if Lifetime.ONCE in offer.lifetimes else "")),
        Choice("answer.deny_rule", "deny + rule", _listed("from now on", denied), "" if denied else here),
        Choice("answer.note", "deny + note", "exactly this, this once, with a note that the agent reads"),
        Choice(
            "answer.redact",
            "redact",
            "send it once with what was noticed replaced by placeholders",
            "" if pending.redactable else "nothing in it can be replaced by a placeholder",
        ),
        Choice(
            "answer.edit",
            "edit",
            "change the body in your editor and send it once",
            "" if pending.editable else "it has no text body that can be changed",
        ),
    )


def _lasting(action: str, label: str, offer: Offer, lifetime: Lifetime, *, here: str, others: str = "") -> Choice:
    return Choice(action, label, lifetime.words + others, "" if lifetime in offer.lifetimes else here)


def _listed(words: str, times: tuple[Lifetime, ...]) -> str:
    return f"{words}: {', '.join(each.value for each in times)}"


def denial(pending: Pending, offer: Offer) -> Offer:
    """The scope that a denial of this once has: exactly what is shown where the wider one can't be denied just once."""
    return offer if Lifetime.ONCE in offer.lifetimes else offers_of(pending)[0]


def answered_words(answer: Answer) -> str:
    """How an answer is told once it is given: allowed for 1 hour (this host)."""
    match answer.word:
        case AnswerWord.REDACT:
            return "sent without what was noticed"
        case AnswerWord.EDIT:
            return "sent as changed"
        case AnswerWord.ALLOW:
            word = "allowed"
        case AnswerWord.DENY:
            word = "denied"
    if answer.lifetime is Lifetime.ONCE and answer.scope is Scope.PAYLOAD:
        return f"{word} once"
    when = _SHORT.get(answer.lifetime, answer.lifetime.words)
    return f"{word} {when} ({SCOPES[answer.scope]})"
