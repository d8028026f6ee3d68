from __future__ import annotations

import msgspec
import pytest

from pipelock.model import Answer, AnswerWord, Kind, Lifetime, Offer, Pending, Scope
from pipelock_tui import testing
from pipelock_tui.pending.choices import (
    answered_words,
    choices,
    denial,
    exactly,
    is_flagged,
    lifetimes,
    offers_of,
    sentence,
)

PAYLOAD = Offer(
    Scope.PAYLOAD, "claude may send this", "claude may not send this", (Lifetime.ONCE, Lifetime.SESSION, Lifetime.M5), 2
)
PROCESS = Offer(Scope.PROCESS, "curl may send anything", "curl may send nothing", (Lifetime.H1, Lifetime.FOREVER))


def objections(pending: Pending, offer: Offer) -> dict[str, str]:
    return {choice.action.removeprefix("answer."): choice.objection for choice in choices(pending, offer)}


def test_what_is_not_offered_says_so() -> None:
    refused = objections(testing.pending(), PAYLOAD)
    assert refused["forever"] == "not offered for exactly this"
    assert [name for name, why in refused.items() if not why] == [
        "once",
        "session",
        "timed",
        "deny",
        "deny_rule",
        "note",
        "edit",
    ]


def test_a_scope_without_once_can_be_denied_only_exactly() -> None:
    pending = msgspec.structs.replace(testing.pending(), offers=(PAYLOAD, PROCESS))
    assert denial(pending, PROCESS) is PAYLOAD
    assert denial(pending, PAYLOAD) is PAYLOAD
    refused = objections(pending, PROCESS)
    assert refused["once"] == refused["session"] == "not offered for the program"
    assert not refused["deny"]
    assert not refused["forever"]


def test_why_a_flagged_prompt_has_fewer_answers() -> None:
    flagged = msgspec.structs.replace(testing.pending(), findings=(testing.FINDING,), redactable=True, editable=False)
    assert is_flagged(flagged)
    refused = objections(flagged, PAYLOAD)
    assert refused["forever"] == "not offered for exactly this: something was noticed in it"
    assert refused["edit"] == "it has no text body that can be changed"
    assert not refused["redact"]


def test_words_name_the_lifetime_and_how_many_others_are_settled() -> None:
    words = {choice.action: choice.words for choice in choices(testing.pending(), PAYLOAD)}
    assert words["answer.once"] == "this once; settles 2 others that wait"
    assert words["answer.session"] == "for this session"
    assert words["answer.timed"] == "for a time: 5m"
    assert words["answer.deny_rule"] == "from now on: session, 5m"


@pytest.mark.parametrize(("allow", "expected"), [(True, (Lifetime.M5,)), (False, (Lifetime.SESSION, Lifetime.M5))])
def test_lifetimes_of_the_menus(allow: bool, expected: tuple[Lifetime, ...]) -> None:
    assert lifetimes(PAYLOAD, allow=allow) == expected


@pytest.mark.parametrize(
    ("clause", "lifetime", "covers", "expected"),
    [
        ("claude may do it", Lifetime.ONCE, 0, "Claude may do it, this once."),
        ("claude may do it", Lifetime.ONCE, 1, "Claude may do it, this once. Settles 1 other that wait."),
        ("x", Lifetime.FOREVER, 0, "X, for good (written to approvals.yaml)."),
    ],
)
def test_sentences(clause: str, lifetime: Lifetime, covers: int, expected: str) -> None:
    assert sentence(clause, lifetime, covers) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(AnswerWord.ALLOW), "allowed once"),
        (Answer(AnswerWord.DENY), "denied once"),
        (Answer(AnswerWord.ALLOW, Scope.HOST), "allowed once (this host)"),
        (Answer(AnswerWord.ALLOW, Scope.URL, Lifetime.H1), "allowed for 1 hour (this URL)"),
        (Answer(AnswerWord.ALLOW, Scope.HOST, Lifetime.FOREVER), "allowed for good (this host)"),
        (Answer(AnswerWord.DENY, Scope.PAYLOAD, Lifetime.SESSION), "denied for this session (exactly this)"),
        (Answer(AnswerWord.REDACT), "sent without what was noticed"),
        (Answer(AnswerWord.EDIT, body=b"x"), "sent as changed"),
    ],
)
def test_how_an_answer_is_told(answer: Answer, expected: str) -> None:
    assert answered_words(answer) == expected


def test_without_offers_only_exactly_what_is_shown_once() -> None:
    bare = msgspec.structs.replace(testing.pending(twins=3), offers=())
    (offer,) = offers_of(bare)
    assert offer.scope is Scope.PAYLOAD
    assert offer.lifetimes == (Lifetime.ONCE,)
    assert offer.allow.startswith("send these 3 identical POST requests to https://deploy.example.com")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.CONNECT, "open this one tunnel to x.test:443; what goes through is judged only where TLS"),
        (Kind.RESPONSE, "let this one answer from https://x.test/ reach the agent as is, 912 bytes"),
        (Kind.MESSAGE, "send this one message to https://x.test/, 912 bytes"),
    ],
)
def test_exactly_what_goes_out_or_comes_in(kind: Kind, expected: str) -> None:
    action = msgspec.structs.replace(testing.summary("x.test", "/", size=912), kind=kind)
    assert exactly(msgspec.structs.replace(testing.pending(), action=action)).startswith(expected)
