from __future__ import annotations

import pytest

from pipelock.control.aio import Disconnected
from pipelock.control.errors import ControlError
from pipelock.model import AnswerWord, Notice
from pipelock_tui import testing
from pipelock_tui.plain import MAX_COMMAND, Conversation, Keyboard


class Talk:
    """A conversation whose lines are kept."""

    def __init__(self) -> None:
        self.link = testing.FakeLink()
        self.lines: list[str] = []
        self.conversation = Conversation(self.link, self.lines.append, testing.StillClock())

    async def connect(self) -> None:
        self.link.now_pending = [testing.pending("7", twins=2)]
        await self.conversation.show(testing.connected())

    async def obey(self, typed: str) -> str:
        self.lines.clear()
        await self.conversation.obey(typed)
        return "\n".join(self.lines)


@pytest.mark.parametrize(
    ("typed", "word", "note"),
    [
        ("a 7", AnswerWord.ONCE, ""),
        ("a #7\n", AnswerWord.ONCE, ""),
        ("s 7", AnswerWord.SESSION, ""),
        ("d 7", AnswerWord.DENY, ""),
        ("d 7 use the main branch", AnswerWord.DENY, "use the main branch"),
    ],
)
async def test_answers(typed: str, word: AnswerWord, note: str) -> None:
    talk = Talk()
    await talk.connect()
    assert "? WAITING #7 POST https://deploy.example.com/v1/releases agent=claude, 1:00 left, 2 identical" in talk.lines
    await talk.obey(typed)
    assert talk.link.answers == [("7", word, note, testing.pending("7").binding)]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("a 8", "no prompt with that number was shown"),
        ("a", "no prompt with that number was shown"),
        ("a 7 please", "only a denial takes a note"),
        ("approve 7", "unknown command"),
        ("kill maybe", "unknown command"),
        ("x" * (MAX_COMMAND + 1), "nothing was done"),
    ],
)
async def test_what_is_not_understood_does_nothing(typed: str, says: str) -> None:
    talk = Talk()
    await talk.connect()
    assert says in await talk.obey(typed)
    assert talk.link.answers == talk.link.kills == []


async def test_kill_status_list_reload_and_quit() -> None:
    talk = Talk()
    await talk.connect()
    assert "KILL SWITCH ON, held by api" in await talk.obey("kill on")
    assert "kill switch off" in await talk.obey("kill off")
    assert talk.link.kills == [True, False]
    assert "balanced at 127.0.0.1:8888" in await talk.obey("status")
    assert "WAITING #7" in await talk.obey("list")
    talk.link.now_pending = []
    assert "nothing waits" in await talk.obey("list")
    assert "nothing weaker" in await talk.obey("reload")
    assert await talk.conversation.obey("q")
    talk.link.failing = ControlError("forbidden", "not from here")
    assert "not done: not from here" in await talk.obey("kill on")


async def test_lines_are_escaped_and_a_lost_connection_refuses_answers() -> None:
    talk = Talk()
    await talk.connect()
    made = testing.record(testing.summary("a.example", "/\x1b]0;x\x07"))
    await talk.conversation.show(testing.decided(1, made))
    await talk.conversation.show(testing.event(2, Notice("warn", "line\nbreak")))
    await talk.conversation.show(Disconnected("gone\x1b"))
    assert all(line.isprintable() for line in talk.lines)
    assert any("NOT CONNECTED" in line for line in talk.lines)
    assert "Not connected" in await talk.obey("a 7")
    assert talk.link.answers == []


async def test_the_keyboard_gives_lines_and_then_the_end() -> None:
    typed = iter(["a 1\n", "q\n", ""])
    keyboard = Keyboard(lambda: next(typed))
    keyboard.start()
    assert [await keyboard.line() for _ in range(3)] == ["a 1\n", "q\n", None]
