from __future__ import annotations

import io

import pytest

from pipelock_tui import testing
from pipelock_tui.plain import Keyboard, converse
from pipelock_tui.plain.conversation import MAX_COMMAND
from pipelock_tui.plain.keyboard import MAX_TYPED_AHEAD, _typed


async def test_the_keyboard_gives_lines_and_then_the_end() -> None:
    typed = iter(["a 1\n", "q\n", ""])
    keyboard = Keyboard(lambda: next(typed))
    keyboard.start()
    assert [await keyboard.line() for _ in range(3)] == ["a 1\n", "q\n", None]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), ValueError("I/O operation on closed file")])
async def test_a_keyboard_that_fails_has_come_to_its_end(error: Exception) -> None:
    def read() -> str:
        raise error

    keyboard = Keyboard(read)
    keyboard.start()
    assert await keyboard.line() is None


def test_the_end_of_a_line_that_is_too_long_is_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    long = "x" * (3 * MAX_COMMAND) + " \n"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{long}a 1\n{'y' * (MAX_COMMAND + 2)}\nq"))
    read = [_typed() for _ in range(5)]
    assert [text[:4] for text in read] == ["xxxx", "a 1\n", "yyyy", "q", ""]
    assert len(read[0]) > MAX_COMMAND


async def test_only_so_many_lines_are_typed_ahead() -> None:
    typed = MAX_TYPED_AHEAD + 50
    read: list[str] = []

    def line() -> str:
        read.append("a\n" if len(read) < typed else "")
        return read[-1]

    keyboard = Keyboard(line)
    keyboard.start()
    for taken in range(1, typed + 1):
        assert await keyboard.line() == "a\n"
        assert len(read) <= taken + MAX_TYPED_AHEAD
    assert await keyboard.line() is None


@pytest.mark.parametrize("typed", [["status\n", "q\n"], ["status\n", ""]], ids=["quit", "end of input"])
async def test_a_conversation_ends_with_q_or_with_what_happens(
    capsys: pytest.CaptureFixture[str], typed: list[str]
) -> None:
    lines = iter(typed)
    link = testing.FakeLink()
    link.feed(testing.connected())
    link.end()
    assert await converse(link, testing.StillClock(), lambda: next(lines, "")) == 0
    assert "balanced at 127.0.0.1:8888" in capsys.readouterr().out
