from __future__ import annotations

import subprocess
import sys

import pytest

from pipelock_tui.app import wants_plain


@pytest.mark.parametrize(
    ("term", "terminal", "plain"),
    [("xterm-256color", True, False), ("dumb", True, True), ("", True, True), ("xterm", False, True)],
)
def test_lines_where_no_screen_can_be_drawn(term: str, *, terminal: bool, plain: bool) -> None:
    assert wants_plain({"TERM": term}, terminal=terminal) is plain


def test_an_environment_without_term_is_dumb() -> None:
    assert wants_plain({}, terminal=True)


def test_importing_it_loads_no_screen() -> None:
    code = "import sys, pipelock_tui.app; sys.exit(int('textual' in sys.modules or 'twisted' in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
