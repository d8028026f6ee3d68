"""In which field of a body a match stands."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.detect.body_place import MAX_BODY, field_of
from pipelock.model import Span

MARK = "needle-0123456789"
FORM = "application/x-www-form-urlencoded"


def where(body: bytes, content_type: str = "application/json", needle: bytes = MARK.encode()) -> str:
    at = body.index(needle)
    return field_of(body, content_type, Span(at, at + len(needle)))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"a": "needle-0123456789"}', "a"),
        ('{"a": {"b": [1, {"c": "x needle-0123456789 y"}]}}', "a.b.1.c"),
        ('["x", ["needle-0123456789"]]', "1.0"),
        ('{"a": "say \\"needle-0123456789\\" twice"}', "a"),
        ('{"x": "a\\\\", "b": "needle-0123456789"}', "b"),
        ('{"x": {}, "y": [], "b": "needle-0123456789"}', "b"),
        # Names, and places that can't be told.
        ('{"needle-0123456789": 1}', ""),
        ('{"a": {"needle-0123456789": 1}}', ""),
        ('"needle-0123456789"', ""),
        ('{"\\u0061": "needle-0123456789"}', ""),
        ('{"": "needle-0123456789"}', ""),
        ('{"a": 1} needle-0123456789', ""),
        ('{"a": ]"needle-0123456789"', ""),
        ("[" * 65 + '"needle-0123456789"', ""),
        ("plain needle-0123456789", ""),
    ],
)
def test_json(body: str, field: str) -> None:
    assert where(body.encode()) == field


def test_a_number_is_a_value_too() -> None:
    body = b'{"card": 4111111111111111, "b": 2}'
    assert where(body, needle=b"4111111111111111") == "card"


def test_a_match_over_several_values_is_in_none() -> None:
    body = b'{"a": "needle", "b": "more"}'
    assert field_of(body, "application/json", Span(body.index(b"needle"), body.index(b"more") + 4)) == ""


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("token=needle-0123456789", "token"),
        ("a=1&my+key=needle-0123456789&b=2", "my key"),
        ("a=1&needle-0123456789=2", ""),
        ("needle-0123456789", ""),
    ],
)
def test_forms(body: str, field: str) -> None:
    assert where(body.encode(), FORM) == field


def test_a_body_that_is_too_large_has_no_fields() -> None:
    assert where(b'{"a": "needle-0123456789", "b": "' + b"x" * MAX_BODY + b'"}') == ""


def test_other_media_have_none() -> None:
    assert where(b"<a>needle-0123456789</a>", "text/xml") == ""


def paths(value: Any, path: tuple[str, ...] = ()) -> list[str]:
    """Where the mark stands in `value`, as whole values."""
    if isinstance(value, dict):
        return [found for name, inner in value.items() for found in paths(inner, (*path, name))]
    if isinstance(value, list):
        return [found for index, inner in enumerate(value) for found in paths(inner, (*path, str(index)))]
    return [".".join(path)] if value == MARK else []


NAMES = st.text("abc.", min_size=1, max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('a\\"{}[]:,', max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES, NAMES)
def test_it_agrees_with_a_parser(before: object, after: object, name: str) -> None:
    document = [before, {"x": after, name: MARK}, after]
    assert where(json.dumps(document).encode()) == paths(document)[0]


def test_hostile_bodies_take_no_longer_than_plain_ones() -> None:
    size = 200_000
    plain = b'{"a": "' + b"word " * (size // 5) + MARK.encode() + b'"}'
    hostile = [b'"\\' * (size // 2), b'{"a":' * (size // 5), b'["' * (size // 2), b'"' * size, b",:" * (size // 2)]
    began = time.process_time()
    where(plain)
    base = time.process_time() - began
    for text in hostile:
        began = time.process_time()
        where(b'{"a": ' + text + MARK.encode())
        assert time.process_time() - began < max(0.3, 6 * base)


def test_what_stands_behind_too_many_tokens_is_in_no_field() -> None:
    assert where(b"[" + b"1," * 10_000 + b'"needle-0123456789"]') == "10000"
    assert where(b"[" + b"1," * 30_000 + b'"needle-0123456789"]') == ""
