from __future__ import annotations

from pipelock_tui import testing
from pipelock_tui.sessions.trust import MINUTES, trust_lines
from pipelock_tui.text import plain


def test_the_window_says_what_trust_changes_and_what_not() -> None:
    for minutes in MINUTES:
        shown = "\n".join(plain(line) for line in trust_lines(testing.sessions()[0], minutes, "hm"))
        assert f"[{minutes} min]" in shown
        assert "Scanners, rules and the kill switch judge as before." in shown
        assert shown.endswith("hm")
