"""Names that clients give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.identity.names import MAX_AGENT_NAME, sanitise_agent


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", ""),
        ("claude-code_1.0", "claude-code_1.0"),
        ("a b/c", "a_b_c"),
        ("claude@1|127.0.0.1", "claude_1_127.0.0.1"),
        ("é\x1b[2J", "___2J"),
        ("x" * 70, "x" * 64),
        ("a\r\nb", "a__b"),
    ],
)
def test_agent_names(name: str, expected: str) -> None:
    assert sanitise_agent(name) == expected


@given(st.text(max_size=100))
def test_any_agent_name_is_safe(name: str) -> None:
    seen = sanitise_agent(name)
    assert seen.isascii()
    assert not {"@", "|"} & set(seen)
    assert len(seen) == min(len(name), MAX_AGENT_NAME)
    assert sanitise_agent(seen) == seen
