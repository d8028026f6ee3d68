"""Our matcher of patterns, beside Python's."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_macos.patterns import MAX_PATTERN, escaped, matches
from pipelock_macos.reader import SandboxTextError

PARTS = st.tuples(
    st.sampled_from(["a", "b", "/", ".", "[ab]", "[^a]", "[a-c]", "\\.", "\\$", "\\\\"]),
    st.sampled_from(["", "*", "+", "?"]),
)


@given(
    st.booleans(),
    st.lists(PARTS, max_size=6).map(lambda parts: "".join(a + b for a, b in parts)),
    st.booleans(),
    st.text("abc/.$\\", max_size=12),
)
def test_like_python_s(start, middle, end, text) -> None:
    pattern = "^" * start + middle + "$" * end
    assert matches(pattern, text) == (re.search(pattern, text) is not None)


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(max_size=20))
def test_escaped_text_is_itself(text, other) -> None:
    pattern = f"^{escaped(text)}$"
    assert matches(pattern, text)
    assert matches(pattern, other) == (other == text)


def test_no_pattern_takes_long() -> None:
    # A matcher that tries one way after the other would not come back.
    assert not matches("^" + "a*" * 400 + "b$", "a" * 500)


@pytest.mark.parametrize(
    "pattern", ["(a)", "a|b", "a{2}", "a**", "*a", "[a", "[]", "[^]", "\\d", "a\\", "[z-a]", "a^b", "a$b", "[é-ö]"]
)
def test_what_is_not_understood_is_refused(pattern) -> None:
    with pytest.raises(SandboxTextError):
        matches(pattern, "a")


def test_long_patterns_are_refused() -> None:
    with pytest.raises(SandboxTextError, match="allowed"):
        matches("a" * (MAX_PATTERN + 1), "a")
