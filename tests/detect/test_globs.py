from __future__ import annotations

import fnmatch
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.globs import glob_match


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("*", "", True),
        ("*", "/any/thing", True),
        ("/api/*", "/api/x/y", True),
        ("/api/*", "/apix", False),
        ("/a?c", "/abc", True),
        ("/a?c", "/ac", False),
        ("*.md", "x.md", True),
        ("*.md", "x.mdx", False),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("[a]", "a", False),
    ],
)
def test_table(pattern: str, text: str, matches: bool) -> None:
    assert glob_match(pattern, text) is matches


@given(st.text(alphabet="ab*?/", max_size=8), st.text(alphabet="ab/", max_size=12))
def test_agrees_with_fnmatch_where_that_has_no_classes(pattern: str, text: str) -> None:
    assert glob_match(pattern, text) == fnmatch.fnmatchcase(text, pattern)


def test_many_stars_on_hostile_text_do_not_explode() -> None:
    # Exponential matchers never come back from this one.
    assert not glob_match("*a" * 30 + "b", "a" * 5000)


@pytest.mark.parametrize("pattern", ["*b", "*a*b", "*" + "a*" * 60 + "b", "*a?a*b", "/" + "?" * 50 + "*b"])
def test_a_pattern_costs_no_line_of_ours_for_each_letter_of_a_text(pattern: str) -> None:
    # A launcher may bring five hundred of them, and a request a path of thousands of letters.
    lines = 0

    def count(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    text = "/" + "a" * 8000
    before = sys.gettrace()
    sys.settrace(count)
    try:
        assert not glob_match(pattern, text)
    finally:
        sys.settrace(before)
    assert lines < 1000
