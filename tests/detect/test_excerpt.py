"""Excerpts show where, never what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.excerpt import MASK, excerpt, mask


def test_ends_of_long_values_alone_are_shown():
    assert mask("abcd" + "x" * 20 + "yz") == f"abcd{MASK}yz"
    assert mask("hunter2") == MASK


def test_other_secrets_in_the_context_are_hidden_too():
    data = b"a=ABCDEFGHIJKLMNOPQRSTUVWX b=hunter2 c=ZYXWVUTSRQPONMLKJIHGFEDC"
    shown = excerpt(data, 29, 36, [(29, 36)])
    assert "hunter2" not in shown
    assert "ZYXWVUTSRQPONML" not in shown
    assert "EFGHIJKL" not in shown


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(0, 300))
def test_any_range_of_any_bytes_makes_at_most_200_characters(data, one, two):
    start, end = min(one, two), max(one, two)
    assert len(excerpt(data, start, end, [(start, end)])) <= 200


def test_of_a_run_that_is_looked_at_in_part_nothing_is_shown():
    data = b"x" * 4_080 + b" " + b"hunter2hunter2hunter2" + b" y" * 4_096
    shown = excerpt(data, 0, len(data), [])
    assert shown == MASK + " "
