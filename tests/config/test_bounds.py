from __future__ import annotations

import pytest
from msgspec import Meta

from pipelock.config.bounds import check_length, choose, in_range
from pipelock.config.nodes import ScalarNode
from pipelock.config.scalars import ScalarError


def word(text: str, *, plain: bool = True) -> ScalarNode:
    return ScalarNode(1, 1, text, plain=plain)


@pytest.mark.parametrize(
    ("value", "meta"), [(1, Meta(ge=1, le=3)), (3, Meta(ge=1, le=3)), (0.1, Meta(gt=0)), (-5, Meta())]
)
def test_in_range(value: float, meta: Meta) -> None:
    assert in_range(value, (meta,)) == value


@pytest.mark.parametrize(
    ("value", "meta", "message"),
    [
        (0, Meta(ge=1, le=3), "must be 1 to 3"),
        (4, Meta(ge=1, le=3), "must be 1 to 3"),
        (0, Meta(gt=0), "must be more than 0"),
        (0, Meta(gt=0, le=8), "must be more than 0 and at most 8"),
        (-1, Meta(ge=0), "must be at least 0"),
    ],
)
def test_out_of_range(value: float, meta: Meta, message: str) -> None:
    with pytest.raises(ScalarError) as caught:
        in_range(value, (meta,))
    assert str(caught.value) == message


def test_lengths() -> None:
    check_length(0, (), "characters")
    check_length(3, (Meta(min_length=1), Meta(max_length=3)), "characters")
    for length, metas, message in (
        (0, (Meta(min_length=1),), "must not be empty"),
        (1, (Meta(min_length=2),), "must have at least 2 characters"),
        (4, (Meta(max_length=3), Meta(max_length=9)), "must have at most 3 characters"),
        (4097, (), "must have at most 4096 characters"),
    ):
        with pytest.raises(ScalarError) as caught:
            check_length(length, metas, "characters")
        assert str(caught.value) == message


def test_choices() -> None:
    assert choose(word("a"), ("a", "b")) == "a"
    assert choose(word("12"), (12, 24)) == 12
    assert choose(word("", plain=False), ("", "b")) == ""
    for node in (word("A"), word("c"), word("")):
        with pytest.raises(ScalarError, match="must be one of"):
            choose(node, ("a", "b", ""))
