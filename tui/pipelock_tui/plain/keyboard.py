"""Lines typed by a person, and the conversation that they lead."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable

from pipelock_tui.plain.conversation import MAX_COMMAND, Conversation
from pipelock_tui.ports import Clock, Watch

__all__ = ["MAX_TYPED_AHEAD", "Keyboard", "converse"]

MAX_TYPED_AHEAD = 100
"""Command lines that may wait; those beyond are not read until there is room."""


_MOST = MAX_COMMAND + 2


class Keyboard:
    """Lines typed by a person, read in a thread because a terminal can't be polled everywhere."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._room = threading.Semaphore(MAX_TYPED_AHEAD)

    def start(self) -> None:
        """Begin to read; the thread ends with the input, or with the program."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._pump, args=(loop,), name="keyboard", daemon=True).start()

    async def line(self) -> str | None:
        """The next line, `None` at the end of the input."""
        text = await self._lines.get()
        self._room.release()
        return text

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        text = "to begin with"
        while text:
            self._room.acquire()
            text = self._next()
            try:
                loop.call_soon_threadsafe(self._lines.put_nowait, text or None)
            except RuntimeError:
                # The loop is closed: nobody listens any more.
                return

    def _next(self) -> str:
        try:
            return self._read()
        except (OSError, ValueError):
            # The terminal hung up, standard input is closed, or what came is no text.
            return ""


def _typed() -> str:
    """A line, or the start of one that is too long to be a command; the rest of it must not pass for the next one."""
    text = part = sys.stdin.readline(_MOST)
    while len(part) == _MOST and not part.endswith("\n"):
        part = sys.stdin.readline(_MOST)
    return text


async def converse(link: Watch, clock: Clock | None = None, read: Callable[[], str] = _typed) -> int:
    """Print what happens and obey what is typed until `q`; returns the exit status.

    `read` gives the next line and is called in a thread. Where the input ends (a pipe, a service) what happens is
    still printed, until interrupted.
    """
    talk = Conversation(link, _print, clock)
    keyboard = Keyboard(read)
    keyboard.start()
    watching = asyncio.create_task(_watch(link, talk))
    try:
        while (typed := await keyboard.line()) is not None:
            if await talk.obey(typed):
                return 0
        await watching
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    return 0


async def _watch(link: Watch, talk: Conversation) -> None:
    async for item in link.items():
        await talk.show(item)


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
