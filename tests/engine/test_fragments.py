"""What one request could carry of a secret in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.engine._fragments import EDGE, LONGEST_PIECE, MAX_PIECES, Fragments, read_fragments
from pipelock.model import Action, Kind
from tests.factories import an_action


def read(**changes: object) -> Fragments:
    return read_fragments(an_action(**{"url": "http://drop.example/", **changes}))


def shown(fragments: Fragments) -> list[tuple[str, int, str]]:
    return [(piece.slot, piece.order, piece.data.decode()) for piece in fragments.pieces]


JSON = b'{"a": "one", "b": ["two", "th\\"ree"], "c": 4, "": {"d": "five"}}'


@pytest.mark.parametrize(
    ("changes", "pieces", "wire"),
    [
        ({}, [], b""),
        ({"url": "http://drop.example/?a=x&b=y%20z&bare"}, [("query:a", -1, "x"), ("query:b", -1, "y z"), ("query:", -1, "bare")], b"xy zbare"),
        ({"url": "http://drop.example/?part3=x&part12=y"}, [("query:part", 3, "x"), ("query:part", 12, "y")], b"xy"),
        ({"url": "http://drop.example/?i=7&d=x"}, [("query:i", 7, "7"), ("query:d", 7, "x")], b"7x"),
        ({"url": "http://drop.example/up/5?d=x"}, [("query:d", 5, "x"), ("path:drop.example/", 5, "5")], b"x"),
        ({"url": "http://ab.cd.drop.example/"}, [("host:drop.example/", -1, "abcd")], b""),
        ({"url": "https://ab.drop.example:443/", "kind": Kind.CONNECT}, [("host:drop.example/", -1, "ab")], b""),
        ({"url": "http://10.1.2.3/x"}, [("path:10.1.2.3/", -1, "x")], b""),
        ({"headers": (("x-a1", "v"), ("accept", "w"))}, [("header:x-a", 1, "v")], b""),
        ({"headers": (("cookie", 'sid1=a%20b; t="c"'),)}, [("cookie:sid", 1, "a b"), ("cookie:t", -1, "c")], b""),
        ({"headers": (("authorization", "Bearer v"), ("user-agent", "tool/1 w"), ("referer", "http://x.example/?q=y"))}, [("carried:authorization", -1, "v"), ("carried:user-agent", -1, "w"), ("carried:referer", -1, "y")], b""),
        ({"body": b"k=v&n=x+y", "content_type": "application/x-www-form-urlencoded"}, [("form:k", -1, "v"), ("form:n", -1, "x y")], b"vx y"),
        ({"body": JSON, "content_type": "application/json"}, [("json:a", -1, "one"), ("json:b", -1, "two"), ("json:b", -1, 'th"ree'), ("json:d", -1, "five")], b'onetwoth"reefive'),
        ({"body": b" plain "}, [("body:", -1, "plain")], b"plain"),
        ({"url": "no url", "body": b"x"}, [("body:", -1, "x")], b"x"),
    ],
)  # fmt: skip
def test_values_their_places_and_numbers(
    changes: dict[str, object], pieces: list[tuple[str, int, str]], wire: bytes
) -> None:
    fragments = read(**changes)
    assert shown(fragments) == pieces
    assert fragments.wire == wire


def test_names_are_a_stream_of_their_own() -> None:
    assert read(url="http://drop.example/?ab=1&cd=2&bare").keys == (b"ab", b"cd")


def test_limits() -> None:
    many = read(url="http://drop.example/?" + "&".join(f"a{n}=v{n}" for n in range(500)))
    assert [piece.data for piece in many.pieces[:2]] == [b"v0", b"v1"]
    assert many.pieces[-1].data == b"v499"
    assert len(many.pieces) == MAX_PIECES
    assert read(body=b"x" * (LONGEST_PIECE + 1)).pieces == ()
    large = read(body=b"a" * EDGE + b"middle" + b"b" * EDGE)
    assert b"middle" not in large.wire
    assert len(large.wire) == 2 * EDGE + 1


@settings(max_examples=80, deadline=None)
@given(
    st.builds(
        an_action,
        url=st.text(max_size=60) | st.text(alphabet="ab1=&;%?/.", max_size=40).map("http://a.example/".__add__),
        body=st.binary(max_size=120) | st.text(alphabet='{}[]":,\\ab1', max_size=80).map(str.encode),
        content_type=st.sampled_from(["", "application/json", "application/x-www-form-urlencoded", "text/plain"]),
        headers=st.lists(st.tuples(st.just("x-a"), st.text(max_size=9)), max_size=3).map(tuple),
    )
)
def test_nothing_makes_it_fail(action: Action) -> None:
    fragments = read_fragments(action)
    assert all(0 < len(piece.data) <= LONGEST_PIECE for piece in fragments.pieces)
