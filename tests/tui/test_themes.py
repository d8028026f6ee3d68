from __future__ import annotations

import pytest

from pipelock_tui.themes import choose


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({"TERM": "xterm-256color"}, "pipelock-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "pipelock-light"),
        ({"TERM": "linux"}, "ansi-dark"),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, "pipelock-dark"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "PIPELOCK_THEME": "light"}, "ansi-dark"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "pipelock-dark"),
        ({"TERM": "linux", "PIPELOCK_THEME": "contrast"}, "pipelock-contrast"),
        ({"TERM": "xterm-256color", "PIPELOCK_THEME": "pink"}, "pipelock-dark"),
    ],
)
def test_the_theme_follows_the_terminal(environ: dict[str, str], wanted: str) -> None:
    assert choose(environ) == wanted
