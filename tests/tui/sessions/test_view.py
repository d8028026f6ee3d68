from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from pipelock.control import frames
from pipelock.control.aio import Disconnected
from pipelock.control.errors import ControlError
from pipelock.model import Level, Session, SessionChanged, SessionVerb, Tier
from pipelock_tui import testing
from pipelock_tui.sessions.lines import ordered
from pipelock_tui.sessions.trust import MINUTES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.tui.conftest import Open, Stage

CODEX, CLAUDE = "codex@5120|127.0.0.1", "claude@4711|127.0.0.1"


async def at_sessions(show: Stage) -> None:
    await show.connect()
    await show.press("4")


def acts(show: Stage) -> list[tuple[str, SessionVerb, Tier]]:
    return [(frame.key, frame.verb, frame.tier) for frame in show.link.told(frames.ActOnSession)]


ACTS = [
    ("x", (CODEX, SessionVerb.TERMINATE, Tier.NONE), "codex was ended: 3 connections closed."),
    ("R", (CODEX, SessionVerb.AIRLOCK, Tier.SOFT), "codex is observed now"),
    ("j h", (CLAUDE, SessionVerb.AIRLOCK, Tier.HARD), "claude is read only now"),
    ("j j R", ("aider@sandbox-5f0c1e2d3b4a|127.0.0.1", SessionVerb.AIRLOCK, Tier.NONE), "aider is open now"),
    ("z", (CODEX, SessionVerb.RESET, Tier.NONE), "codex was reset"),
    ("j w", (CLAUDE, SessionVerb.TASK, Tier.NONE), "claude begins a new task"),
]


async def test_acts_ask_first(stage: Open) -> None:
    async with stage() as show:
        await at_sessions(show)
        for done, (keys, expected, says) in enumerate(ACTS):
            await show.press("g", *keys.split())
            assert len(acts(show)) == done, keys
            show.clock.advance(1)
            await show.press("y")
            assert acts(show)[done:] == [expected]
            assert says in show.told


async def test_a_question_that_is_left_does_nothing_and_what_makes_no_sense_is_refused(stage: Open) -> None:
    async with stage() as show:
        await at_sessions(show)
        await show.press("x", "y")
        assert acts(show) == [], "a key typed ahead does not count"
        show.clock.advance(1)
        await show.press("n", "h")
        assert "It is closed in already: hard." in show.told
        await show.press("j", "R")
        assert "It is not in the airlock." in show.told
        show.link.replies[frames.ActOnSession] = ControlError("not_found", "no such session")
        await show.press("z")
        show.clock.advance(1)
        await show.press("y")
        assert "Not done to claude: no such session" in show.told


async def test_trust_takes_what_it_is_about_and_for_how_long(stage: Open) -> None:
    async with stage() as show:
        await at_sessions(show)
        await show.press("j", "T")
        show.clock.advance(1)
        await show.press("ctrl+u", "enter")
        assert acts(show) == [], "nothing said is not everything trusted"
        await show.press("escape", "T")
        assert "https://docs.example.org/guide?page=2" in show.text
        show.clock.advance(1)
        await show.press("down", "tab", *"POST", "enter")
        (frame,) = show.link.told(frames.ActOnSession)
        assert (frame.key, frame.verb) == (CLAUDE, SessionVerb.TRUST)
        assert (frame.source_match, frame.action_match) == ("https://docs.example.org/guide?page=2", "POST")
        assert frame.expires_at == show.clock.now + MINUTES[1] * 60


async def test_changes_are_seen_at_once_and_the_chosen_one_is_asked_for_again(stage: Open) -> None:
    async with stage() as show:
        await at_sessions(show)
        asked = len(show.link.told(frames.InspectSession))
        now = msgspec.structs.replace(testing.sessions()[1], level=Level.NORMAL, tier=Tier.NONE)
        await show.feed(testing.event(9, SessionChanged(now, "recovery", "quiet again"), show.clock.now))
        assert "▶ codex" in show.text, "the cursor stays on its session"
        assert "‼ critical" not in show.text.split("────")[0]
        assert [frame.key for frame in show.link.told(frames.InspectSession)[asked:]] == [CODEX]


async def test_the_list_is_made_anew_only_when_a_session_or_the_order_changed(
    stage: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(sessions: Iterable[Session], by: str) -> list[Session]:
        made.append(by)
        return ordered(sessions, by)

    monkeypatch.setattr("pipelock_tui.sessions.view.ordered", counted)
    async with stage() as show:
        await at_sessions(show)
        before, text = len(made), show.text
        show.clock.advance(600)
        for _ in range(5):
            show.app.draw()
        await show.settle()
        assert len(made) == before
        assert show.text != text, "ages go on"
        await show.feed(
            testing.event(9, SessionChanged(testing.session("new@1|127.0.0.1"), "taint", ""), show.clock.now)
        )
        assert len(made) == before + 1
        await show.press("o")
        assert made[-1] != made[0]


async def test_orders_and_focus(stage: Open) -> None:
    async with stage() as show:
        await at_sessions(show)
        await show.press("o")
        assert "by suspicion" in show.text
        await show.press("tab", "G")
        assert "hard_block" in show.text or "WHAT COUNTED" in show.text
        await show.press("tab", "j")
        assert "▶ claude" in show.text


async def test_on_a_short_screen_enter_opens_and_escape_closes(stage: Open) -> None:
    async with stage((80, 24)) as show:
        await at_sessions(show)
        assert "known" not in show.text
        await show.press("j", "enter")
        assert "by its process, as the kernel tells" in show.text
        await show.press("escape")
        assert "▶ claude" in show.text


async def test_no_session_a_slow_daemon_and_a_lost_one(stage: Open) -> None:
    async with stage() as show:
        show.link.now_sessions = ()
        await show.press("4")
        assert "who talks: the daemon is being asked" in show.text
        await show.feed(Disconnected("it is not running"))
        assert "It is not known who talks" in show.text
        await show.connect()
        assert "No session yet" in show.text
        show.link.now_sessions = testing.sessions()
        show.link.failing = ControlError("timeout", "the daemon did not answer")
        show.app.poll()
        await show.settle()
        assert "not told: the daemon did not answer" in show.text
        show.link.failing = None
        show.app.poll()
        await show.settle()
        await show.feed(Disconnected("gone"))
        await show.press("x")
        assert acts(show) == []
        assert "▶ codex" in show.text, "what was known stays readable"
