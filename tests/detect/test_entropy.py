"""Random text is told from names, sentences and identifiers."""

from __future__ import annotations

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.entropy import is_identifier, is_opaque, normalised_entropy, shannon, words_share


@pytest.mark.parametrize(
    ("text", "bits"), [("", 0), ("a", 0), ("aaaa", 0), ("abab", 1), ("abcd", 2), ("abcdefgh" * 50, 3)]
)
def test_shannon(text: str, bits: float) -> None:
    assert shannon(text) == pytest.approx(bits)


@given(st.text(max_size=300))
def test_entropy_stays_in_its_bounds(text: str) -> None:
    assert -1e-9 <= shannon(text) <= log2(max(len(text), 1)) + 1e-9
    assert 0.0 <= words_share(text) <= 1.0


def test_normalised_entropy_is_one_for_all_different() -> None:
    assert normalised_entropy("abcdefgh") == pytest.approx(1.0)
    assert normalised_entropy("a") == 0.0


OPAQUE = [
    "x9KqT2vLmW8sRz4YbN7cJ1pF6hD3gA5e",
    "Zk3Q-9vXw_Lr7TnB2yHc8MdS5fGj4KpA",
    "7hG2kP9sX4qW8vB1nM5zL3cR6tY0uJ",
    "aB3xK9mQ7pL2wR8vT5nZ",
    "q1W9e8R7t6Y5u4I3o2P1a0S9d8F7g6H5j4K3",
]
PLAIN = [
    "how-to-configure-your-workflow-for-python-projects-in-2024",
    "pydantic_core-2.27.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "terraform-provider-aws_5.31.0_linux_amd64.zip",
    "What is the best way to fix: TypeError 'NoneType' object is not iterable?",
    "550e8400-e29b-41d4-a716-446655440000",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "is:issue is:open label:bug sort:updated-desc author:octocat",
    "安全なパスワードの作り方について詳しく説明しているページです",
    "getElementsByClassNameOrTagName",
    "short1A",
    "electronics",
]


@pytest.mark.parametrize("token", OPAQUE)
def test_opaque(token: str) -> None:
    assert is_opaque(token, 4.5) > 3.5


@pytest.mark.parametrize("token", PLAIN)
def test_plain(token: str) -> None:
    assert is_opaque(token, 4.5) == 0.0


@pytest.mark.parametrize("token", [*PLAIN[:2], *PLAIN[4:7]])
def test_identifiers_and_words_stay_plain_under_strict_limits(token: str) -> None:
    assert is_opaque(token, 3.0) == 0.0


def test_a_raised_limit_is_not_undercut_by_the_length_rule() -> None:
    assert is_opaque("aB3xK9mQ7pL2wR8vT5nZ", 5.0) == 0.0


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("550e8400-e29b-41d4-a716-446655440000", True),
        ("550e8400-e29b-41d4-a716-44665544000g", False),
        ("550e8400e-29b-41d4-a716-446655440000", False),
        ("d41d8cd98f00b204e9800998ecf8427e", True),
        ("d41d8cd98f00b204e9800998ecf8427", False),
        ("", False),
    ],
)
def test_identifiers(token: str, expected: bool) -> None:
    assert is_identifier(token) is expected


def test_words_share_of_text_without_letters_is_one() -> None:
    assert words_share("---") == 1.0
    assert words_share("HelloWorldAgain") == 1.0
    assert words_share("xqzvkj") == 0.0
