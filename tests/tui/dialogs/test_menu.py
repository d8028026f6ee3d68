from __future__ import annotations

from pipelock_tui.dialogs.menu import menu_lines
from pipelock_tui.text import plain


def test_every_choice_has_its_number_and_the_cursor_a_mark() -> None:
    shown = [plain(line) for line in menu_lines(" HOW LONG? ", ("for 5 minutes", "for 1 hour"), 1, "said")]
    assert shown[0] == " HOW LONG? "
    assert shown[2:4] == ["  1  for 5 minutes", "▶ 2  for 1 hour"]
    assert shown[-1] == "said"
