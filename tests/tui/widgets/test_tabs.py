from __future__ import annotations

import pytest

from pipelock_tui.text import plain, width_of
from pipelock_tui.widgets.tabs import tabs_line


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (120, "▐1 Overview▌ 2 Pending◆3  3 Traffic"),
        (80, "▐1 Overview▌ 2 Pend◆3  3 Traf"),
        (50, "▐1 Overview▌ 2◆3  3  4"),
    ],
)
def test_titles_give_way_the_current_one_never(width: int, words: str) -> None:
    line = tabs_line("overview", {"pending": "3"}, width)
    assert plain(line).startswith(words)
    assert width_of(line) <= width
