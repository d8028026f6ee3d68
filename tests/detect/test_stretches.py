"""Stretches of one kind of character, and what counts as noise."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect._stretches import TEXT, Kind, is_noise, marked_spans, strings
from tests.factories import FAKE_KEY

AB = Kind(b"ab")


def naive_runs(data, least):
    found, run = [], b""
    for code in data + b".":
        if code in b"ab":
            run += bytes([code])
        else:
            found.append(run)
            run = b""
    return [one for one in found if len(one) >= least]


def noise(size=20_000, seed=3):
    return random.Random(seed).randbytes(size)


@given(
    st.lists(st.sampled_from([b"a", b"b", b".", b"..", b"abab", b"abababababab", b"\0", b"\xff"])), st.integers(1, 6)
)
def test_runs_are_those_of_a_walk_over_all_bytes(parts, least):
    data = b"".join(parts)
    assert AB.runs(data, least) == naive_runs(data, least)
    # Few gaps and many gaps are read in different ways.
    for padded in (data + b"." + b"ab" * 200, data + b". " * 200):
        assert AB.runs(padded, least) == naive_runs(padded, least)
    assert [data[start:end] for start, end in AB.spans(data, least)] == naive_runs(data, least)


@given(st.binary(max_size=60))
def test_what_is_left_out_is_all_there_is_of_the_kind(data):
    for text in (data, data + b"ab", data + b"a" + bytes(100)):
        assert AB.without(text) == text.translate(None, b"ab")


def test_a_text_that_has_none_of_the_kind_is_not_copied():
    data = bytes(1_000)
    assert AB.without(data) is data


@pytest.mark.parametrize(
    ("marks", "spans"),
    [("", []), ("111", [(0, 3)]), ("0110111", [(4, 7)]), ("1110111", [(0, 3), (4, 7)]), ("1100", [])],
)
def test_marks_are_walked_from_stretch_to_stretch(marks, spans):
    assert list(marked_spans(bytes(map(int, marks)), 3)) == spans


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (noise(), True),
        (zlib.compress(random.Random(1).randbytes(9_000).hex().encode()), True),
        (b"a line of text\n" * 500 + noise(30_000), True),
        (noise(4_095), False),
        (b"\x1b[1m a log \x1b[0m\n" * 600, False),
        ("ΰ новые отчёты готовы 日本語\n".encode() * 300, False),
        ("wide letters \u4e16\u754c ".encode("utf-16") * 300, False),
        (("naïve résumé \x01\x02" * 600).encode("utf-8"), False),
        ("déjà vu à l'été ".encode("latin-1") * 500, False),
    ],
)
def test_noise_is_told_from_text(data, expected):
    assert is_noise(data) is expected


def test_what_is_text_in_noise_stands_one_stretch_a_line():
    data = b"\x00\xff" + FAKE_KEY.encode() + b"\x80short\x80" + b"eight123" + b"\xfe"
    assert strings(data) == FAKE_KEY.encode() + b"\neight123"
    assert TEXT.runs(data, 9) == [FAKE_KEY.encode()]
