"""What went before is remembered as far as it is needed, and no further."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.proxy.bodies._tails import KEPT, LONG_EVERY, LONG_WITHIN, MAX_TEXTS, SHORT, Tail, Tails

WORDS = b"some words of prose, "


def grown(text: bytes, size: int) -> tuple[Tail, list[int]]:
    """A tail that `text` was added to, `size` bytes at a time, and the lengths of what each was judged with."""
    tail, looks = Tail(), []
    for start in range(0, len(text), size):
        piece = text[start : start + size]
        context = tail.context(piece)
        looks.append(len(context))
        tail.add(context, piece)
    return tail, looks


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.integers(1, 40))
def test_short_texts_are_remembered_whole(text: str, size: int) -> None:
    data = text.encode()[:SHORT]
    tail, _ = grown(data, size)
    remembered = tail.context(b"x")
    assert remembered.replace(b"\n", b"") == data.replace(b"\n", b"")


def test_every_piece_has_a_short_look_and_some_a_long_one() -> None:
    _, looks = grown(WORDS * 1000, 4)
    late = looks[5000:]
    long = [size for size in late if size > SHORT]
    assert min(late) >= SHORT - 64
    assert min(long) >= KEPT - 64
    assert len(late) / len(long) == pytest.approx(LONG_EVERY / 4, rel=0.1)
    # What it costs: each byte is looked at about five times, and each piece takes one short look along.
    assert sum(late) < len(late) * (SHORT + 4 * KEPT * 4 / LONG_EVERY)


def test_a_long_token_is_looked_at_from_its_start_again_and_again() -> None:
    _, looks = grown(WORDS + b"e" * 3000, 4)
    gaps = [at for at, size in enumerate(looks) if size > SHORT]
    assert max(after - before for before, after in itertools.pairwise(gaps)) <= LONG_WITHIN / 4


@pytest.mark.parametrize(
    ("text", "start"), [(b"a" * 400 + "\u00e4".encode() * 200, b"\xc3"), (b"ab " * 300, b" "), (b"a" * 900, b"a")]
)
def test_it_begins_between_words_or_at_least_characters(text: bytes, start: bytes) -> None:
    tail, _ = grown(text, 50)
    for more in range(6):
        context = tail.context(b"")
        context.decode()
        assert context.startswith(start)
        tail.add(context, b"x" * more)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"10115", b"80331"], b"10115\n"),
        ([b"+49 30-1", b"12:30:00"], b"+49 30-1\n"),
        ([b"411", b"111"], b"411"),
        ([b"41111111", b"x"], b"41111111"),
        ([b"AKIA1234", b"56789012"], b"AKIA1234"),
        ([b"key_", b"12345", b"67890"], b"key_12345"),
    ],
)
def test_columns_of_numbers_are_no_long_number(pieces: list[bytes], expected: bytes) -> None:
    tail = Tail()
    for piece in pieces[:-1]:
        tail.add(tail.context(piece), piece)
    assert tail.context(pieces[-1]) == expected
    tail.add(expected, pieces[-1])
    assert tail.context(b"x") == expected + pieces[-1]


def test_what_was_told_is_forgotten() -> None:
    tail, _ = grown(WORDS, 5)
    tail.replace(b"rest")
    assert tail.context(b"x") == b"rest"


def test_only_so_many_texts_are_remembered() -> None:
    tails = Tails()
    for number in range(MAX_TEXTS):
        tails.at(str(number)).add(b"", b"x")
    tails.at("0")
    tails.at("another")
    assert tails.at("0").context(b"") == b"x"
    assert tails.at("1").context(b"") == b""
