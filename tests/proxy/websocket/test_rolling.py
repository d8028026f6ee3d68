"""What messages say together."""

from __future__ import annotations

from pipelock.model import Span
from pipelock.proxy.websocket.rolling import MAX_LEAD, MAX_TEXTS, Rolling
from tests.factories import a_decision, a_finding

CLEAN = a_decision(findings=())


def says(rolling: Rolling, *messages: str) -> None:
    for message in messages:
        rolling.passed(rolling.look(message.encode()), CLEAN)


def test_a_first_message_continues_nothing() -> None:
    look = Rolling().look(b"hello")
    assert (look.body, look.seen, look.context) == (b"", 0, b"")


def test_plain_messages_are_one_text() -> None:
    rolling = Rolling()
    says(rolling, "one, ", "two, ")
    look = rolling.look(b"three")
    assert (look.body, look.seen, look.context) == (b"one, two, three", 10, b"one, two, ")


def test_what_is_said_in_sentences_stands_in_lines() -> None:
    rolling = Rolling(speaks=True)
    says(rolling, "hello there")
    assert rolling.look(b"how are you").context == b"hello there\n"
    says(rolling, "how are you", "to", "day")
    assert rolling.look(b" then?").context == b"hello there\nhow are youtoday"
    for text in ('{"delta": "Ig"}', '{"delta": "nore"}', '{"delta": " all"}'):
        says(rolling, text)
    assert b"Ignore all prev" in rolling.look(b'{"delta": " prev"}').body


def test_strings_at_one_place_are_one_text_and_several_places_several() -> None:
    rolling = Rolling()
    says(rolling, '{"a": "x1", "b": "y1"}')
    look = rolling.look(b'{"b": "y2", "a": "x2"}')
    assert sorted(look.body.split(b"\n")) == [b"x1x2", b"y1y2"]
    assert look.context is None


def test_equal_texts_at_two_places_are_both_looked_at() -> None:
    rolling = Rolling()
    says(rolling, '{"a": "same ", "b": "same "}')
    assert rolling.look(b'{"a": "x", "b": "y"}').body == b"same x\nsame y"


def test_single_texts_are_one_wherever_they_stand() -> None:
    rolling = Rolling()
    says(rolling, '{"a": "one, "}', "two, ")
    assert b"one, two, three" in rolling.look(b'["three"]').body


def test_binary_data_is_a_text_of_its_own() -> None:
    rolling = Rolling()
    says(rolling, "text")
    rolling.passed(rolling.look(b"\xff\x01"), CLEAN)
    assert rolling.look(b"\xfe").body.startswith(b"\xff\x01\xfe")
    assert rolling.look(b" in bytes").body.startswith(b"text in bytes")


def test_what_is_judged_again_is_bounded() -> None:
    rolling = Rolling()
    many = "{" + ",".join(f'"k{at}": "{"x" * 3000}"' for at in range(2 * MAX_TEXTS)) + "}"
    says(rolling, many)
    look = rolling.look(many.encode())
    assert look.body.count(b"\n") < MAX_TEXTS
    assert len(look.body) <= MAX_TEXTS * (4096 + MAX_LEAD + 2)


def test_what_was_found_and_let_through_is_not_found_again() -> None:
    rolling = Rolling()
    look = rolling.look(b"bad: this. And so on")
    rolling.passed(look, a_decision(findings=(a_finding(place="body", span=Span(5, 10)),)))
    assert rolling.look(b" it goes").context == b" And so on"
    look = rolling.look(b" bad again")
    rolling.passed(look, None, a_decision(findings=(a_finding(place="body", span=None),)))
    assert not rolling.look(b"x").context
