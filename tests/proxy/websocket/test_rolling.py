"""What messages say together."""

from __future__ import annotations

from pipelock.model import Span
from pipelock.proxy.websocket.rolling import MAX_LEAD, MAX_TEXTS, Rolling
from tests.factories import a_decision, a_finding

CLEAN = a_decision(findings=())


def says(rolling: Rolling, *messages: str) -> None:
    for message in messages:
        rolling.passed(rolling.look(message.encode(), is_binary=False), CLEAN)


def test_a_first_message_continues_nothing() -> None:
    look = Rolling().look(b"hello", is_binary=False)
    assert (look.body, look.seen, look.context) == (b"", 0, b"")


def test_plain_messages_are_one_text() -> None:
    rolling = Rolling()
    says(rolling, "one, ", "two, ")
    look = rolling.look(b"three", is_binary=False)
    assert (look.body, look.seen, look.context) == (b"one, two, three", 10, b"one, two, ")


def test_strings_at_one_place_are_one_text_and_several_places_several() -> None:
    rolling = Rolling()
    says(rolling, '{"a": "x1", "b": "y1"}')
    look = rolling.look(b'{"b": "y2", "a": "x2"}', is_binary=False)
    assert sorted(look.body.split(b"\n")) == [b"x1x2", b"y1y2"]
    assert look.context is None


def test_equal_texts_at_two_places_are_both_looked_at() -> None:
    rolling = Rolling()
    says(rolling, '{"a": "same ", "b": "same "}')
    assert rolling.look(b'{"a": "x", "b": "y"}', is_binary=False).body == b"same x\nsame y"


def test_single_texts_are_one_wherever_they_stand() -> None:
    rolling = Rolling()
    says(rolling, '{"a": "one, "}', "two, ")
    assert b"one, two, three" in rolling.look(b'["three"]', is_binary=False).body


def test_binary_data_is_a_text_of_its_own() -> None:
    rolling = Rolling()
    says(rolling, "text")
    rolling.passed(rolling.look(b"\x00\x01", is_binary=True), CLEAN)
    assert rolling.look(b"\x02", is_binary=True).body.startswith(b"\x00\x01\x02")


def test_what_is_judged_again_is_bounded() -> None:
    rolling = Rolling()
    many = "{" + ",".join(f'"k{at}": "{"x" * 3000}"' for at in range(2 * MAX_TEXTS)) + "}"
    says(rolling, many)
    look = rolling.look(many.encode(), is_binary=False)
    assert look.body.count(b"\n") < MAX_TEXTS
    assert len(look.body) <= MAX_TEXTS * (4096 + MAX_LEAD + 2)


def test_what_was_found_and_let_through_is_not_found_again() -> None:
    rolling = Rolling()
    look = rolling.look(b"bad: this. And so on", is_binary=False)
    rolling.passed(look, a_decision(findings=(a_finding(place="body", span=Span(5, 10)),)))
    assert rolling.look(b" it goes", is_binary=False).context == b" And so on"
    look = rolling.look(b" bad again", is_binary=False)
    rolling.passed(look, None, a_decision(findings=(a_finding(place="body", span=None),)))
    assert not rolling.look(b"x", is_binary=False).context
