"""The dashboard as lines: for screen readers, dumb terminals and pipes. The same powers, no cursor movement.

Each decision is a line; a prompt is a few. Commands are read a line at a time: `a ID`, `s ID`, `d ID [note]`,
`kill on|off`, `list`, `status`, `reload`, `help`, `q`. A prompt is named by its number, so that an answer typed for
one can't reach another; and it is bound to what was printed.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable

from pipelock.control.aio import Connected, ControlError, Disconnected
from pipelock.model import AnswerWord, Event, Held, Pending, Status, escape
from pipelock_tui.board import Board
from pipelock_tui.explain import consequences
from pipelock_tui.facts import banner_lines, clearing_lines, kill_sources
from pipelock_tui.ports import Clock, Item, Watch
from pipelock_tui.rows import Row, path_of, why_of
from pipelock_tui.text import plain
from pipelock_tui.words import ANSWERED, clock_time, countdown, size, verdict_words

__all__ = ["HELP", "MAX_COMMAND", "Conversation", "Keyboard", "converse", "decision_line", "prompt_lines"]

MAX_COMMAND = 1_000
"""Longest command line, in characters; a longer one is refused."""
MAX_TYPED_AHEAD = 100
"""Command lines that may wait; those beyond are not read until there is room."""
HELP = "a ID allow once, s ID allow for the session, d ID [note] deny, kill on|off, list, status, reload, help, q quit"
_WORDS = {"a": AnswerWord.ONCE, "s": AnswerWord.SESSION, "d": AnswerWord.DENY}


def decision_line(row: Row, clock: Clock) -> str:
    """One row of the list as a line, escaped."""
    when = clock_time(row.at, clock.zone)
    if row.record is None:
        return f"{when} {escape(row.text)}"
    action, decision = row.record.action, row.record.decision
    parts = [
        when,
        verdict_words(decision.verdict),
        action.method or action.kind.value,
        action.host + path_of(action.url),
    ]
    parts += [f"agent={action.agent or action.client or 'unknown'}", f"size={size(action.size)}"]
    why = why_of(row.record)
    if why:
        parts.append(f"by={why}")
    if decision.reason:
        parts.append(f"- {decision.reason}")
    return " ".join(escape(part, 1024) for part in parts)


def prompt_lines(pending: Pending, clock: Clock) -> list[str]:
    """A prompt as lines, escaped: what it is, why, and what each answer means."""
    action = pending.action
    twins = f", {pending.twins} identical" if pending.twins > 1 else ""
    left = countdown(pending.expires_at, clock.wall())
    lines = [
        f"? WAITING #{pending.id} {action.method} {action.url or action.host} agent={action.agent}, {left} left{twins}"
    ]
    lines.append(f"  why: {pending.reason or 'policy asks'}")
    for keys, words in consequences(pending):
        lines.append(f"  {keys.split(' ')[0]} {pending.id}: {words}")
    return [escape(text, 2048) for text in lines]


class Conversation:
    """Turns what happens into lines and lines into verbs. `write` prints one line, without its line feed."""

    def __init__(self, link: Watch, write: Callable[[str], None], clock: Clock | None = None) -> None:
        self._link = link
        self._write = write
        self._clock = clock or Clock()
        self.board = Board(self._clock)
        self._printed: dict[str, Pending] = {}

    async def show(self, item: Item) -> None:
        """Print what happened."""
        change = self.board.absorb([item])
        for row in change.rows:
            self._write(decision_line(row, self._clock))
        if isinstance(item, Connected):
            self._write(f"● connected to daemon {escape(item.welcome.version)}; type help for the commands")
            await self._learn()
            self._banner()
        elif isinstance(item, Disconnected):
            self._banner()
        elif isinstance(item, Event) and isinstance(item.payload, Held):
            self._print_new()

    async def obey(self, typed: str) -> bool:
        """Carry out a command line; returns whether the conversation is over."""
        if len(typed) > MAX_COMMAND:
            self._write(f"✗ a command has at most {MAX_COMMAND} characters; nothing was done")
            return False
        word, _, rest = typed.strip().partition(" ")
        rest = rest.strip()
        if word in {"q", "quit"}:
            return True
        try:
            await self._do(word, rest)
        except ControlError as error:
            self._write(f"✗ not done: {escape(error.message)}")
        return False

    async def _do(self, word: str, rest: str) -> None:
        if word in _WORDS:
            number, _, note = rest.partition(" ")
            await self._answer(_WORDS[word], number.removeprefix("#"), note.strip())
        elif word == "kill" and rest in {"on", "off"}:
            await self._kill(active=rest == "on")
        elif word == "list":
            await self._learn(again=True)
        elif word == "status":
            self._write(_status_line(await self._link.status()))
        elif word == "reload":
            self._write(f"✓ {escape((await self._link.reload()).detail) or 'reloaded'}")
        elif word == "help":
            self._write(HELP)
        elif word:
            self._write(f"✗ unknown command; there are: {HELP}")

    async def _answer(self, word: AnswerWord, number: str, note: str) -> None:
        pending = self._printed.get(number)
        objection = self.board.connection.objection
        if objection:
            self._write(f"✗ {escape(objection)}")
        elif pending is None:
            self._write("✗ no prompt with that number was shown; `list` shows what waits")
        elif note and word is not AnswerWord.DENY:
            self._write("✗ only a denial takes a note; nothing was done")
        else:
            done = await self._link.answer(pending.id, word, note, pending.binding)
            count = f", {done.count} requests" if done.count > 1 else ""
            self._write(f"✓ #{escape(pending.id)} {ANSWERED[word]}{count}")

    async def _kill(self, *, active: bool) -> None:
        state = await self._link.kill(active)
        self.board.kill = state
        held = ", ".join(kill_sources(state))
        self._write(f"■ KILL SWITCH ON, held by {escape(held)}" if state.active else "□ kill switch off")
        if not active:
            pid = self.board.status.pid if self.board.status else 0
            for line in clearing_lines(state, pid):
                self._write(plain(line))

    async def _learn(self, *, again: bool = False) -> None:
        """Ask what waits, and print what was not printed yet (all of it with `again`)."""
        revision = self.board.desk.revision
        try:
            self.board.learn(await self._link.status(), await self._link.pending(), revision)
        except ControlError as error:
            self._write(f"✗ could not ask what waits: {escape(error.message)}")
        if again:
            self._printed.clear()
        self._print_new()
        if again and not self._printed:
            self._write("nothing waits")

    def _print_new(self) -> None:
        """Print each prompt once, and anew when what an answer would cover has changed."""
        waiting = {prompt.pending.id: prompt.pending for prompt in self.board.desk.prompts if not prompt.ended}
        for number, pending in waiting.items():
            known = self._printed.get(number)
            if known is None or known.binding != pending.binding:
                for line in prompt_lines(pending, self._clock):
                    self._write(line)
        self._printed = waiting
        self.board.desk.sweep(self._clock.monotonic())

    def _banner(self) -> None:
        board = self.board
        for line in banner_lines(board.connection, board.status, board.kill, self._clock.wall(), self._clock.zone):
            self._write(plain(line).strip())


def _status_line(status: Status) -> str:
    kill = "kill switch ON" if status.kill_switch.active else "kill switch off"
    return escape(
        f"{status.mode} at {status.listen}, policy {status.policy}, {status.requests} requests, "
        f"{status.blocked} blocked, {status.warned} warned, {status.pending} waiting, {kill}"
    )


class Keyboard:
    """Lines typed by a person, read in a thread because a terminal can't be polled everywhere."""

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._lines: asyncio.Queue[str | None] = asyncio.Queue(MAX_TYPED_AHEAD)

    def start(self) -> None:
        """Begin to read; the thread ends with the input, or with the program."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._pump, args=(loop,), name="keyboard", daemon=True).start()

    async def line(self) -> str | None:
        """The next line, `None` at the end of the input."""
        return await self._lines.get()

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            text = self._read()
            try:
                asyncio.run_coroutine_threadsafe(self._lines.put(text or None), loop).result()
            except RuntimeError:
                # The loop is closed: nobody listens any more.
                return
            if not text:
                return


async def converse(link: Watch, clock: Clock | None = None) -> int:
    """Print what happens and obey what is typed until `q`; returns the exit status.

    Where the input ends (a pipe, a service) what happens is still printed, until interrupted.
    """
    talk = Conversation(link, _print, clock)
    keyboard = Keyboard(lambda: sys.stdin.readline(MAX_COMMAND + 2))
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
