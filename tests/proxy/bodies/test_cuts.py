"""Where a window is cut."""

from __future__ import annotations

import pytest

from pipelock.proxy.bodies._cuts import flush_cut, may_flow, window_cut

FILLER = b"." * 10_000


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        (FILLER + b"\nnext line, a word " + b"." * 150, 10_001),
        (FILLER + b"a word" + b"." * 150, 10_002),
        (FILLER + b"a=1&b=2" + b"." * 150, 10_004),
        (FILLER + "Ä".encode() * 51, 10_002),
        (FILLER + "😀".encode() * 26, 10_004),
        (FILLER + b"\x80" * 105, 10_005),
        (b"x " + FILLER + b"A" * 9_000 + b"A" * 100, 10_002),
        (b"x " + FILLER + b"A" * 200_000 + b"." * 100, 210_002),
        (b"short", 2),
    ],
    ids=["line", "word", "field", "two bytes", "four bytes", "no UTF-8", "run", "longer run", "all known"],
)
def test_a_window_is_cut_behind_something_whole(body: bytes, cut: int) -> None:
    assert window_cut(body, 2, 100) == cut


def test_what_is_known_is_never_cut_again() -> None:
    for known in (0, 5_000, 9_999):
        assert known <= window_cut(b"a " * 5_000, known, 200) <= 10_000


@pytest.mark.parametrize(
    ("body", "cut"), [(b"two words", 4), (b"a line\n", 7), (b"a\tb\r\nc", 5), (b"word", 1), (b"a b", 2), (b"", 1)]
)
def test_what_is_slow_is_cut_behind_the_last_white_space(body: bytes, cut: int) -> None:
    assert flush_cut(body, 1) == cut


@pytest.mark.parametrize(
    ("data", "content_type", "flows"),
    [
        (b"some words", "text/plain", True),
        (b"some words", "", True),
        (b"<p>half a page", "text/html", True),
        (b'{"a": 1}\n{"b"', "application/json; charset=utf-8", True),
        (b'{"a": 1}\n', "", True),
        (b'{"a": 1}', "application/json", False),
        (b'{\n "a"', "application/json", False),
        (b"[\n", "text/plain", False),
        (b"GIF89a", "text/plain", False),
        (b"<?xml version='1.0'?><svg>", "text/xml", False),
        (b"x", "image/png", False),
        (b"x", "multipart/mixed; boundary=a", False),
    ],
)
def test_what_may_flow_before_it_is_whole(data: bytes, content_type: str, flows: bool) -> None:
    assert may_flow(data, content_type) is flows
