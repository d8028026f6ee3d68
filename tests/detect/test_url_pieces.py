"""Cut-up tokens are put together again, within bounds; words are left alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.url_pieces import between_noise, is_cut_up, is_fragment, rejoined, without_noise

TOKEN = "AKIAQ3EXK7M2NV5TB8WP"


@pytest.mark.parametrize("piece", ["AKIA", "ghp_", "sk-", "Q3EX", "x9Kq", "1234", "ghp", "xqz", "QWERTYUIOP", "_Lr7"])
def test_fragments(piece: str) -> None:
    assert is_fragment(piece)


@pytest.mark.parametrize(
    "piece",
    [
        "",
        "a",
        "red",
        "Hello",
        "price_asc",
        "Hello-World",
        "electronics",
        "24",
        "パス",
        "550e8400-e29b-41d4-a716-446655440000",
        "x" * 300,
    ],
)
def test_no_fragments(piece: str) -> None:
    assert not is_fragment(piece)


@pytest.mark.parametrize(
    "pieces",
    [
        ["AKIAQ3EXK7", "M2NV5TB8WP"],
        ["AKIA", "Q3EX", "K7M2", "NV5T", "B8WP"],
        ["A.K.I.A", "Q3EX K7M2", "NV5T,B8WP"],
        ["AKIA", "hello", "Q3EXK7", "blue", "M2NV5T", "world", "B8WP"],
        ["hello", "AKIAQ3EX", "red", "K7M2NV5TB8WP", "blue"],
        # One of the pieces is junk that looks like the rest.
        ["AKIA", "Q3EXK7", "Z9ZZ9Z9", "M2NV5T", "B8WP"],
        # Two pieces at the far end, among other identifiers.
        [*(f"ID{number}X" for number in range(3)), "AKIAQ3EXK7", "ID9X", "M2NV5TB8WP"],
        # Equal lengths among junk of other lengths.
        ["AKIAQ", "J1J", "3EXK7", "J2JJJJ", "M2NV5", "J3J", "TB8WP", "J4JJJJJJ"],
        ["M2NV5TB8WP", "AKIAQ3EXK7"],
    ],
)
def test_found(pieces: list[str]) -> None:
    assert any(TOKEN in joined for joined in rejoined(pieces))


def test_fragments_beyond_the_twentieth_value_are_found() -> None:
    pieces = [word for number in range(20) for word in ("red",)]
    pieces += ["AKIA", "blue", "Q3EX", "K7M2", "green", "NV5T", "B8WP"]
    assert any(TOKEN in joined for joined in rejoined(pieces))


def test_the_order_of_the_keys_is_tried() -> None:
    pieces = ["K7M2", "AKIA", "B8WP", "NV5T", "Q3EX"]
    keys = ["p3", "p1", "p10", "p4", "p2"]
    assert any(TOKEN in joined for joined in rejoined(pieces, keys))
    assert not any(TOKEN in joined for joined in rejoined(pieces))


def test_words_are_not_joined() -> None:
    assert list(rejoined(["electronics", "apple", "black", "white"])) == []
    assert list(rejoined(["electronics", "apple", "X9KQ", "white"])) == ["electronicsappleX9KQwhite"]
    assert list(rejoined(["a", "b"])) == []
    assert list(rejoined([])) == []


def test_single_characters_are_joined_whatever_they_are() -> None:
    assert list(rejoined(list("abcdefghijklmnop"))) == ["abcdefghijklmnop"]
    assert not is_cut_up(["to", "be", "or", "not"])


def test_what_stands_between_noise() -> None:
    assert between_noise("a.b/c d+e,,f|gh") == ["a", "b", "c", "d", "e", "f", "gh"]


def test_noise() -> None:
    assert without_noise("a.b/c d+e,f;g|h\ti\r\nj") == "abcdefghij"
    assert without_noise("a-b_c") == "a-b_c"


@given(st.lists(st.text("aA1_-./", max_size=300), max_size=80))
def test_bounded(pieces: list[str]) -> None:
    total = sum(map(len, pieces))
    assert sum(map(len, rejoined(pieces, [str(index) for index in range(len(pieces))]))) <= 131_072 + total


def test_many_opaque_pieces_stay_within_the_budget() -> None:
    numbers = random.Random(7)
    pieces = ["".join(numbers.choices("ABCDEFGH0123456789", k=9)) for _ in range(3_000)]
    assert sum(map(len, rejoined(pieces))) <= 131_072 + sum(map(len, pieces))
