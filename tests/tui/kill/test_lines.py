from __future__ import annotations

from pipelock.model import KillSwitchState
from pipelock_tui.kill.lines import kill_lines
from pipelock_tui.text import plain


def text_of(state: KillSwitchState, *, known: bool = True, pid: int = 4242) -> str:
    return "\n".join(plain(line) for line in kill_lines(state, pid, known=known, key="f8"))


def test_each_source_says_whether_it_holds_and_how_it_is_cleared() -> None:
    sources = {"config": False, "api": True, "signal": True, "new": False}
    text = text_of(KillSwitchState(active=True, sources=sources, message="Stopped by hand"))
    for words in [
        "THE KILL SWITCH IS ON",
        "held by    api, signal",
        "agents read Stopped by hand",
        "api       ■ holds it",
        "config    □ does not",
        "sentinel  · not in use",
        "kill -USR1 4242",
        "release it from here",
        "f8 turns it on",
        "something this dashboard does not know",
    ]:
        assert words in text


def test_off_and_unknown() -> None:
    assert "The kill switch is off" in text_of(KillSwitchState(active=False))
    assert "kill -USR1 PID" in text_of(KillSwitchState(active=False), pid=0)
    assert "is being asked" in text_of(KillSwitchState(active=False), known=False)
    assert "an unknown source" in text_of(KillSwitchState(active=True))
