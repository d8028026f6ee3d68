from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.redaction import MAX_ENTRY, Dictionary, Limits, RedactionError, Redactor
from pipelock.detect.views import View
from pipelock.detect.watch import Found

KEY = b"AKIACPPUTCYDTXKFZ3V7"


def redactor(*classes: str, words: list[Dictionary] | None = None, **limits: int) -> Redactor:
    return Redactor(classes, words or [], Limits(**limits))


MAILS = redactor("email", "ipv4", "fqdn")


def replaced(found: Redactor, *texts: bytes) -> list[bytes]:
    result = found.replace(texts)
    return [old if new is None else new for old, new in zip(texts, result.texts, strict=True)]


def test_numbers_count_from_one_for_each_class_and_one_value_has_one_number():
    said = replaced(MAILS, b"a@x.example to b@x.example", b"192.0.2.1 of a@x.example", b"nothing")
    assert said == [b"<pl:email:1> to <pl:email:2>", b"<pl:ipv4:1> of <pl:email:1>", b"nothing"]


def test_counts_are_places_and_times_of_a_repeated_text_count():
    assert MAILS.replace([b"a@x.example a@x.example", b"b@x.example"], [3, 1]).counts == {"email": 7}


def test_neighbours_that_share_an_edge_are_all_found():
    cards = redactor("credit-card", "ssn")
    assert replaced(cards, b"4012888888881881 5555555555554444 378282246310005 6011111111111117") == [
        b"<pl:credit-card:1> <pl:credit-card:2> <pl:credit-card:3> <pl:credit-card:4>"
    ]


@pytest.mark.parametrize(("words", "text", "said"), [
    ([Dictionary("host", ("db",)), Dictionary("host", ("db.corp",))], b"db.corp db", b"<pl:host:1> <pl:host:2>"),
    ([Dictionary("low", ("alpha beta",)), Dictionary("high", ("beta",), priority=1)], b"alpha beta", b"alpha <pl:high:1>"),
    ([Dictionary("one", ("alpha", "alphabet"))], b"alphabet", b"<pl:one:1>"),
    ([Dictionary("one", ("Ada",), case_insensitive=True)], b"ada ADA", b"<pl:one:1> <pl:one:2>"),
    ([Dictionary("one", ("Ada",))], b"ada Ada", b"ada <pl:one:1>"),
    ([Dictionary("one", ("cat",), word_boundary=True)], b"concat cat cats", b"concat <pl:one:1> cats"),
    ([Dictionary("one", ("c++",), word_boundary=True)], b"c++ c+++", b"<pl:one:1> <pl:one:1>+"),
    ([Dictionary("one", ("M\u00fcller",), case_insensitive=True)], "m\u00fcller M\u00dcLLER".encode(), b"<pl:one:1> <pl:one:2>"),
    ([Dictionary("one", (r"a.b\d",))], rb"a.b\d axb1", b"<pl:one:1> axb1"),
])  # fmt: skip
def test_dictionaries(words, text, said):
    assert replaced(redactor(words=words), text) == [said]


def test_the_higher_priority_wins_and_a_class_may_be_shared():
    both = redactor("email", "fqdn", words=[Dictionary("email", ("boss",), priority=70)])
    assert replaced(both, b"boss@corp.example") == [b"<pl:email:1>@<pl:fqdn:1>"]


def test_a_value_that_cannot_hold_a_placeholder_is_refused():
    cards = redactor("credit-card")
    with pytest.raises(RedactionError) as caught:
        cards.replace([b"fine"], rigid=[b"12", b"4012888888881881"])
    assert caught.value.code == "secret_in_numeric_scalar"
    assert "4012" not in caught.value.detail
    assert cards.replace([b"fine"], rigid=[b"12"]).counts == {}


def test_too_many_places_are_refused_as_a_whole():
    few = redactor("email", max_redactions=2)
    assert few.replace([b"a@b.example c@b.example"]).counts == {"email": 2}
    for texts, times in (([b"a@b.example c@b.example d@b.example"], [1]), ([b"a@b.example"], [3])):
        with pytest.raises(RedactionError) as caught:
            few.replace(texts, times)
        assert caught.value.code == "redaction_overflow"


class Watching:
    """Sees the first place of a word in each view."""

    def find(self, views: list[View], host: str = "") -> list[Found]:
        spots = [(view, view.data.find(b"hunter2")) for view in views]
        return [Found("Known", "a value", view, at, at + 7) for view, at in spots if at >= 0]


def test_what_no_pattern_can_name_is_watched_for():
    watchers = [("env-secret", Watching())]
    found = Redactor(["env-secret", "email"], watchers=watchers)
    assert replaced(found, b"a@b.example", b"x hunter2 hunter2", b"hunter2") == [
        b"<pl:email:1>",
        b"x <pl:env-secret:1> <pl:env-secret:1>",
        b"<pl:env-secret:1>",
    ]
    assert Redactor(["email"], watchers=watchers).replace([b"hunter2"]).counts == {}


@pytest.mark.parametrize("make", [
    lambda: Redactor(["e-mail"]),
    lambda: Redactor([], [Dictionary("x", ("",))]),
    lambda: Redactor([], [Dictionary("x", ("y" * (MAX_ENTRY + 1),))]),
    lambda: Redactor([], [Dictionary("x", tuple(map(str, range(10_001))))]),
])  # fmt: skip
def test_what_makes_no_redactor(make):
    with pytest.raises(ValueError, match=r"class|entries|entry"):
        make()


ALL = redactor("email", "aws-access-key", "ipv4", words=[Dictionary("word", ("secret",), case_insensitive=True)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("ab@.1 \n\x00\u00e9"))
        | st.sampled_from(["a@b.example", KEY.decode(), "Secret", "10.1.2.3"])
    )
)
def test_nothing_that_is_replaced_is_left_and_the_rest_is_as_it_was(parts):
    text = " ".join(parts).encode()
    result = ALL.replace([text])
    new = text if result.texts[0] is None else result.texts[0]
    for value in (b"a@b.example", KEY, b"Secret"):
        assert value not in new
    assert ALL.replace([new]).counts == {}
    assert sum(result.counts.values()) == new.count(b"<pl:")


@pytest.mark.parametrize("piece", [b"a@", b"a.", b"1.1.1.1.", b"-----BEGIN PRIVATE KEY-----", b"a:", b"A\\", b"4"])
def test_hostile_texts_cost_no_more_than_a_few_times_a_clean_one(piece):
    every = Redactor(["email", "ipv4", "ipv6", "cidr", "mac", "fqdn", "ssh-private-key", "credit-card", "ad-user"],
                     limits=Limits(max_redactions=100_000))  # fmt: skip
    data = (piece * (200_000 // len(piece) + 1))[:200_000]
    began = time.process_time()
    with suppress(RedactionError):
        every.replace([data])
    assert time.process_time() - began < 10.0
