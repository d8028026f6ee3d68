from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from pipelock.control import frames
from pipelock.control.aio import Disconnected
from pipelock.control.errors import ControlError
from pipelock.control.frames import Gap
from pipelock.model import Answer, AnswerWord, ConfigReloaded, ConfigReview, Lifetime, Outcome, Released
from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.conftest import Open


@pytest.mark.parametrize(
    ("key", "answer", "says"),
    [
        ("a", Answer(AnswerWord.ALLOW), "#7 allowed once."),
        ("s", Answer(AnswerWord.ALLOW, lifetime=Lifetime.SESSION), "#7 allowed for this session"),
        ("d", Answer(AnswerWord.DENY), "#7 denied once."),
    ],
)
async def test_a_prompt_is_answered(stage: Open, key: str, answer: Answer, says: str) -> None:
    async with stage() as show:
        item = testing.pending(twins=3)
        await show.connect(item, testing.pending("8"))
        assert "2 WAITING FOR YOU" in show.text
        assert "Claude may send exactly this to https://deploy.example.com/v1/releases, this once." in show.text
        await show.press(key)
        assert show.link.answers == [("7", answer, item.binding)]
        assert says in show.text
        assert "1 WAITING FOR YOU" in show.text


async def test_keys_typed_before_the_prompt_appeared_do_not_answer_it(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        show.link.now_pending = [testing.pending()]
        await show.feed(testing.held(1, at=show.clock.now))
        await show.press("a", "s", "d", "n")
        assert show.link.answers == []
        assert "Key ignored: this prompt had only just appeared." in show.text
        show.clock.advance(0.31)
        await show.press("a")
        assert len(show.link.answers) == 1


async def test_the_next_prompt_is_not_answered_by_a_double_stroke(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending("7"), testing.pending("8"))
        await show.press("a", "a")
        assert [number for number, *_ in show.link.answers] == ["7"]


async def test_a_key_held_down_does_not_answer_what_comes_up_under_it(stage: Open) -> None:
    async with stage() as show:
        await show.connect(*[testing.pending(str(number)) for number in range(7, 12)])
        for _ in range(20):
            await show.press("a")
            show.clock.advance(0.1)
        assert [number for number, *_ in show.link.answers] == ["7"]


async def test_choosing_and_viewing_a_prompt(stage: Open) -> None:
    async with stage((120, 80)) as show:
        await show.connect(testing.pending("7"), testing.pending("8", host="billing.example.com"))
        await show.press("right_square_bracket")
        await show.press("d")
        assert show.link.answers == [], "not armed yet"
        await show.press("v")
        assert '"notes": "[not markup]"' in show.text
        assert "Bearer [41 characters]" in show.text
        show.clock.advance(1)
        await show.press("d")
        assert [number for number, *_ in show.link.answers] == ["8"]
        await show.press("left_square_bracket")


async def test_a_prompt_that_ended_elsewhere_says_who_and_cannot_be_answered(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.feed(testing.event(1, Released("7", Outcome.DENIED, "alice"), show.clock.now))
        assert "denied by alice" in show.text
        show.clock.advance(1)
        await show.press("a")
        assert show.link.answers == []
        assert "#7 can't be answered: denied by alice" in show.text
        show.clock.advance(10)
        show.link.now_pending = []
        show.app.tick()
        await show.settle()
        assert "nothing waits" in show.text


async def test_the_deadline_runs_on_the_screen(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending(left=30))
        show.app.tick()
        await show.settle()
        assert "0:29" in show.text
        show.clock.advance(40)
        show.app.tick()
        await show.settle()
        await show.press("a")
        assert show.link.answers == []
        assert "expired, denied once" in show.text


@pytest.mark.parametrize(
    ("code", "says", "waits"), [("stale", "is gone", 0), ("timeout", "did not answer", 1), ("forbidden", "may not", 1)]
)
async def test_an_answer_that_fails_says_so(stage: Open, code: str, says: str, waits: int) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        show.link.failing = ControlError(code, f"the item {says}")
        await show.press("a")
        assert f"#7 was not answered: the item {says}" in show.text
        assert show.app.board.desk.waiting == waits


async def test_a_lost_connection_keeps_the_data_and_refuses_decisions(stage: Open) -> None:
    async with stage() as show:
        show.link.now_pending = [testing.pending()]
        await show.feed(testing.connected(), *testing.busy_day())
        show.clock.advance(1)
        await show.feed(Disconnected("the daemon closed the connection"))
        assert "NOT CONNECTED" in show.text
        assert "balanced (old)" in show.text
        assert "git.example.com" in show.text
        await show.press("a")
        await show.press("K")
        await show.press("ctrl+r")
        assert show.link.answers == []
        assert show.link.kills == []
        assert show.link.reloads == 0
        assert "nothing can be decided until the connection is back" in show.text
        await show.feed(testing.connected(), *testing.busy_day(), testing.decided(41))
        assert "NOT CONNECTED" not in show.text
        texts = [show.app.board.journal.row(index).text for index in range(len(show.app.board.journal))]
        assert len(texts) == 43, "40 decisions, lost, again, and the one that is new"
        await show.press("a")
        assert show.link.answers == [], "the prompt is not armed right after the connection came back"


async def test_another_daemon_run_starts_over(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.feed(testing.decided(1), Disconnected("gone"))
        show.link.now_pending = []
        await show.feed(testing.connected("two"), testing.decided(1))
        assert "the daemon was restarted" in show.text
        show.clock.advance(1)
        await show.press("a")
        assert show.link.answers == []
        assert "gone, the daemon was restarted" in show.text


async def test_a_watcher_may_not_decide(stage: Open) -> None:
    async with stage() as show:
        show.link.now_pending = [testing.pending()]
        await show.feed(testing.connected(may_decide=False, why="it descends from an agent"))
        show.clock.advance(1)
        await show.press("a", "K")
        assert "WATCH ONLY" in show.text
        assert "it descends from an agent" in show.text
        assert show.link.answers == show.link.kills == []


async def test_versions_that_differ_are_told(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected(version="9.9.9"))
        assert "VERSIONS DIFFER" in show.text
        assert "daemon 9.9.9" in show.text
        await show.feed(Disconnected("the daemon speaks version 2, this client version 1", "version"))
        assert "VERSION MISMATCH" in show.text


async def test_gaps_and_reloads_are_rows(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected(), Gap(1, 250))
        await show.feed(
            testing.event(251, ConfigReloaded(ok=True, detail="policy 00ff", weaker=("dlp off",)), show.clock.now)
        )
        assert "250 earlier events are not shown here" in show.text
        assert "WEAKER: dlp off" in show.app.board.journal.row(1).text
        told = [notification.message for notification in show.app._notifications]
        assert told == ["policy 00ff; weaker: dlp off"], "and as a toast"
        await show.feed(testing.event(252, ConfigReloaded(ok=False, detail="line 3: no such key"), show.clock.now))
        assert show.app.board.journal.row(2).text == "✗ reload failed, the old policy stays: line 3: no such key"


async def test_a_weaker_configuration_is_put_in_force_only_after_a_question(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        await show.press("ctrl+r")
        assert "dlp.action is warn: credentials leave" in show.text
        await show.press("n", "ctrl+r")
        assert show.link.reloads == 0
        show.clock.advance(1)
        await show.press("y")
        assert show.link.reloads == 1
        assert await show.until(lambda: "nothing weaker" in show.text)
        show.link.replies[frames.ReviewConfig] = frames.ConfigReply(ConfigReview("a", "b"))
        await show.press("ctrl+r")
        assert show.link.reloads == 2, "nothing weaker, no question"
        show.link.replies[frames.ReviewConfig] = ControlError("timeout", "no answer")
        await show.press("ctrl+r")
        assert show.link.reloads == 2
        assert await show.until(lambda: "could not be compared" in show.text)


async def test_the_palette_offers_the_actions(stage: Open) -> None:
    async with stage() as show:
        await show.press("ctrl+p")
        assert await show.until(lambda: "Allow it this once (not now)" in show.text), "and says so where it can't"
        await show.press(*"doctor")
        assert await show.until(lambda: "Go to Doctor" in show.text)
        await show.press("down", "enter")
        assert await show.until(lambda: show.app.switcher.current == "doctor")


async def test_themes_go_round(stage: Open) -> None:
    async with stage() as show:
        seen = []
        for _ in range(6):
            await show.press("ctrl+t")
            seen.append(show.app.theme.removeprefix("pipelock-"))
        assert seen == ["light", "contrast", "colour-blind", "ansi-dark", "ansi-light", "dark"]


async def test_q_quits_at_once_and_answers_nothing(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.pilot.press("q")
        await show.pilot.pause()
        assert show.app.return_code == 0
        assert show.link.answers == []


async def test_two_hundred_events_a_second_with_ten_thousand_rows_leave_keys_quick(stage: Open) -> None:
    async with stage() as show:
        show.link.feed(testing.connected(), *[testing.decided(number) for number in range(1, 10_001)])
        await show.settle()
        took = []
        for turn in range(20):
            show.link.feed(*[testing.decided(10_001 + turn * 20 + number) for number in range(20)])
            began = time.process_time()  # whatever else the machine does
            await show.pilot.press("k" if turn % 2 else "j")
            show.app.flush()
            took.append(time.process_time() - began)
        assert len(show.app.board.journal) == 10_000
        assert sorted(took)[len(took) // 2] < 0.5, took
