from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelock_tui import testing
from pipelock_tui.plain import Keyboard, converse

if TYPE_CHECKING:
    from collections.abc import Iterator


async def test_the_keyboard_gives_lines_and_then_the_end() -> None:
    typed = iter(["a 1\n", "q\n", ""])
    keyboard = Keyboard(lambda: next(typed))
    keyboard.start()
    assert [await keyboard.line() for _ in range(3)] == ["a 1\n", "q\n", None]


@pytest.mark.parametrize("typed", [["status\n", "q\n"], ["status\n", ""]], ids=["quit", "end of input"])
async def test_a_conversation_ends_with_q_or_with_what_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: list[str]
) -> None:
    lines: Iterator[str] = iter(typed)
    monkeypatch.setattr("sys.stdin.readline", lambda _limit: next(lines, ""), raising=False)
    link = testing.FakeLink()
    link.feed(testing.connected())
    link.end()
    assert await converse(link, testing.StillClock()) == 0
    assert "balanced at 127.0.0.1:8888" in capsys.readouterr().out
