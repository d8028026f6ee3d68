from __future__ import annotations

import json

from pipelock.model import Lifetime, Offer, Outcome, Scope
from pipelock.notify.message import brief, closed_message, held_message, words
from tests.factories import a_summary
from tests.notify.items import a_pending

OFFERS = (
    Offer(Scope.PAYLOAD, "this", "not this"),
    Offer(Scope.HOST, "anything there", "nothing there", (Lifetime.ONCE, Lifetime.H1, Lifetime.FOREVER)),
)


def test_it_says_who_wants_what_and_what_an_answer_has_to_name() -> None:
    pending = a_pending(offers=OFFERS)
    assert json.loads(held_message(pending, "https://me.example/api/v1/answers", wide=False)) == {
        "event": "held", "id": "7", "words": "helper asks: POST http://api.example/submit",
        "reason": "rule uploads asks", "agent": "helper", "target": "http://api.example/submit",
        "held_at": 1000.0, "deadline": 1060.0, "binding": "bound", "answer_url": "https://me.example/api/v1/answers",
        "scopes": [{"scope": "payload", "words": "this", "lifetimes": ["once"]}],
    }  # fmt: skip


def test_wider_answers_are_offered_where_they_are_taken_but_nothing_for_good() -> None:
    scopes = json.loads(held_message(a_pending(offers=OFFERS), "u", wide=True))["scopes"]
    assert [(one["scope"], one["lifetimes"]) for one in scopes] == [("payload", ["once"]), ("host", ["once", "1h"])]


def test_what_an_agent_wrote_cannot_draw_on_a_screen() -> None:
    action = a_summary(agent="\x1b[2Jx\u202e", url="http://a.example/\u200b\x07", method="GET")
    text = held_message(a_pending(action=action, reason="why\r\n\x1b"), "", wide=False).decode()
    assert text.isascii()
    for hidden in ("\\u001b", "\\u202e", "\\u200b", "\\u0007", "\\r"):
        assert hidden not in text.replace("\\\\", "")


def test_a_long_address_is_cut() -> None:
    action = a_summary(url="http://a.example/" + "x" * 10_000)
    assert len(held_message(a_pending(action=action), "", wide=False)) < 2_000
    assert len(words(a_pending(action=action))) < 400


def test_where_there_is_no_address_the_host_is_named() -> None:
    assert words(a_pending(action=a_summary(method="", url="", agent="", client=""))) == "somebody asks: example.com:80"


def test_a_screen_that_others_see_is_told_the_host_alone() -> None:
    action = a_summary(method="POST", url="http://api.example/private?x=1", host="api.example", agent="a\x1b")
    assert brief(a_pending(action=action)) == "a\\x1b asks: POST to api.example"


def test_an_end() -> None:
    assert json.loads(closed_message("7", Outcome.APPROVED, "dashboard")) == {
        "event": "closed", "id": "7", "outcome": "approved", "by": "dashboard",
    }  # fmt: skip
