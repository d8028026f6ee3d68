from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import escape, escape_lines

PRINTABLE = "".join(chr(code) for code in range(0x20, 0x7F))
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=60)  # surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain text, 100% \\ fine", "plain text, 100% \\ fine"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("a\u200bb\u2060c\ufeff", "a\\u200bb\\u2060c\\ufeff"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\U000e0041", "\\U000e0041"),
        ("\ue000\U000f0000", "\\ue000\\U000f0000"),
        ("\ud800", "\\ud800"),
        ("\u0378", "\\u0378"),
        ("x\ufe0f\U000e0100", "x\\ufe0f\\U000e0100"),
        ("\u3164\u115f\u1160\uffa0\u2800\u034f", "\\u3164\\u115f\\u1160\\uffa0\\u2800\\u034f"),
        ("Ti\u1ebf\u0302\u0301ng", "Ti\u1ebf\u0302\u0301ng"),
        ("e" + "\u0301" * 6 + "f\u0301", "e" + "\u0301" * 4 + "\\u0301\\u0301f\u0301"),
        ("größe ☃ 漢字 😀", "größe ☃ 漢字 😀"),
    ],
)
def test_table(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(ANYTHING)
def test_nothing_that_moves_hides_or_reorders_survives(text: str) -> None:
    shown = escape(text)
    assert {unicodedata.category(char) for char in shown}.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    assert {unicodedata.bidirectional(char) for char in shown}.isdisjoint(
        {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}
    )
    shown.encode()  # no surrogate is left that could not be written


@given(st.text(PRINTABLE))
def test_printable_ascii_is_unchanged(text: str) -> None:
    assert escape(text) == text


@given(ANYTHING, st.integers(0, 20))
def test_it_is_cut_at_the_limit_and_says_so(text: str, limit: int) -> None:
    shown = escape(text, limit)
    assert len(shown) <= 10 * limit + 1
    assert shown.endswith("…") or len(text) <= limit
    assert shown == escape(text[:limit]) + ("…" if len(text) > limit else "")


def test_lines_stay_lines_and_tabs_become_spaces() -> None:
    assert escape_lines("a\tb\n\x1b[31mc\r\n") == "a    b\n\\x1b[31mc\\x0d\n"


@given(ANYTHING, st.integers(0, 20))
def test_lines_hold_nothing_else_that_moves(text: str, limit: int) -> None:
    shown = escape_lines(text, limit)
    assert "\t" not in shown
    assert all(escape(line) == line for line in shown.split("\n"))
    assert shown.count("\n") == text[:limit].count("\n")
    assert shown.endswith("…") or len(text) <= limit


def test_the_alphabet_of_the_property_is_the_printable_one() -> None:
    assert set(PRINTABLE) == set(string.printable) - set("\t\n\r\x0b\x0c")
