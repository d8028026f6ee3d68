from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from pipelock.model import escape
from pipelock_tui.text import MAX_WRAPPED, Part, cut, cut_start, fit, line, plain, width_of, wrap

LINES = st.lists(st.tuples(st.text(max_size=40), st.sampled_from(["", "dim", "block"])), max_size=4).map(
    lambda pairs: tuple(Part(*pair) for pair in pairs)
)


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("abcd", 1, "…"),
        ("abcd", 0, ""),
        ("日本語", 4, "日…"),
        ("日本語", 6, "日本語"),
        ("a\x1bb", 6, "a\\x1bb"),
        ("a\x1bb", 5, "a\\x1…"),
    ],
)
def test_cut_keeps_the_start(text: str, width: int, wanted: str) -> None:
    assert cut(text, width) == wanted


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "…cd"),
        ("login.bank.example.evil.test", 10, "…evil.test"),
        ("日本語", 4, "…語"),
        ("ab", 0, ""),
    ],
)
def test_cut_start_keeps_the_end(text: str, width: int, wanted: str) -> None:
    assert cut_start(text, width) == wanted


def test_fit_aligns() -> None:
    assert fit("ab", 4) == "ab  "
    assert fit("ab", 4, right=True) == "  ab"
    assert fit("abcdef", 4) == "abc…"


def test_wrap_breaks_at_spaces_and_hangs() -> None:
    wrapped = wrap(line("label ", ("one two three", "dim")), 12, 6)
    assert [plain(each).rstrip() for each in wrapped] == ["label one", "      two", "      three"]


def test_wrap_breaks_long_words_anywhere() -> None:
    assert [plain(each) for each in wrap(line("abcdefghij"), 4)] == ["abcd", "efgh", "ij"]


def test_wrap_is_bounded() -> None:
    wrapped = wrap(line("x" * 60_000), 4)
    assert len(wrapped) == MAX_WRAPPED
    assert plain(wrapped[-1]).endswith("…")


def test_an_empty_line_stays_a_line() -> None:
    assert wrap((), 10) == [()]


@example((Part("00 0000"),), 6, 3)
@given(LINES, st.integers(4, 30), st.integers(0, 8))
def test_wrap_keeps_the_width_and_loses_no_visible_text(parts: tuple[Part, ...], width: int, hang: int) -> None:
    wrapped = wrap(parts, width, hang)
    assert all(width_of(each) <= width for each in wrapped)
    kept = "".join(plain(each) for each in wrapped).replace(" ", "")
    assert kept == plain(parts).replace(" ", "")


@given(st.text(max_size=60), st.integers(0, 20))
def test_cuts_never_exceed_their_width(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
    assert cell_len(cut_start(text, width)) <= width
    assert cell_len(fit(text, width)) == width
    assert escape(cut(text, width)) == cut(text, width)
