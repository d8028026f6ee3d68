from __future__ import annotations

from pipelock_tui.states import broken_lines, empty_lines, error_lines, loading_lines
from pipelock_tui.text import Line, plain


def text_of(lines: list[Line]) -> str:
    return "\n".join(plain(line) for line in lines)


def test_each_state_says_what_it_is() -> None:
    assert "rules: the daemon is being asked" in text_of(loading_lines("rules"))
    assert "No rules" in text_of(empty_lines("No rules", "Add one."))
    assert "Add one." in text_of(empty_lines("No rules", "Add one."))
    assert len(empty_lines("No rules")) == 2
    assert "✗ rules can't be shown\n    timeout\n    c asks again" in text_of(
        error_lines("rules can't be shown", "timeout", "c asks again")
    )
    assert len(error_lines("rules", "timeout")) == 3


def test_a_broken_view_says_why_and_how_to_try_again() -> None:
    text = text_of(broken_lines("Rules", "ValueError: \x1b[2J", "5"))
    assert "Rules can't be shown" in text
    assert "\x1b" not in text
    assert "5 tries it again" in text
