"""Percent decoding ends, at the same place whichever way it goes, and in linear time."""

from __future__ import annotations

import time
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.url_percent import decode_percent


def nested(text: str, rounds: int) -> str:
    """`text` with every character escaped, and the percent signs escaped again."""
    text = "".join(f"%{byte:02x}" for byte in text.encode())
    for _ in range(rounds - 1):
        text = text.replace("%", "%25")
    return text


@pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5, 9, 40])
def test_any_depth_is_reached(rounds: int) -> None:
    decoded = decode_percent(nested("key=abc", rounds))
    assert decoded.text == "key=abc"
    assert decoded.rounds == min(rounds, 5)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [("abc", 0), ("%41%42", 0), ("%2541%2542", 2), ("%252F%2520%253A", 0), ("%25252541", 1), ("100%2525", 0)],
)
def test_hidden_letters_are_counted(text: str, hidden: int) -> None:
    assert decode_percent(text).hidden == hidden


@pytest.mark.parametrize("text", ["%", "%%", "%4", "%zz", "100%", "a%g1b", "%u0041"])
def test_broken_escapes_stay(text: str) -> None:
    decoded = decode_percent(text)
    assert (decoded.text, decoded.rounds) == (text, 0)


@given(st.text("%2541aA", max_size=60))
def test_the_final_form_is_that_of_round_after_round(text: str) -> None:
    data = text.encode()
    while (after := unquote_to_bytes(data)) != data:
        data = after
    assert decode_percent(text).data == data


@given(st.text(max_size=100))
def test_any_text_is_taken(text: str) -> None:
    decode_percent(text)


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert decode_percent("%ff%41").text == "\ufffdA"


def test_the_deepest_nesting_costs_no_more_than_flat_text() -> None:
    deep = "%" + "25" * 32_000 + "41"
    started = time.process_time()
    assert decode_percent(deep).text == "A"
    # Round after round would take 32 000 passes, minutes; one pass takes milliseconds.
    assert time.process_time() - started < 5
