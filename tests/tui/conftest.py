"""A dashboard on a scripted link, and what is on its screen."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from textual.pilot import Pilot

from pipelock.model import Pending
from pipelock_tui import testing
from pipelock_tui.dashboard import Dashboard
from pipelock_tui.ports import Item
from pipelock_tui.settings import Settings
from tests.tui.rest import rest, rest_and_work


@dataclass
class Stage:
    """The dashboard under test and everything around it."""

    app: Dashboard
    link: testing.FakeLink
    clock: testing.StillClock
    pilot: Pilot[None]

    async def feed(self, *items: Item) -> None:
        """Let the daemon say something, and the screen show it."""
        self.link.feed(*items)
        await self.settle()

    async def settle(self) -> None:
        """Let all that was set going come to its end."""
        await rest_and_work()
        self.app.flush()
        await rest_and_work()

    async def until(self, shown: Callable[[], bool], rounds: int = 200) -> bool:
        """Settle until `shown`: toasts are mounted some turns of the loop after what they tell. False if never."""
        for _ in range(rounds):
            if shown():
                return True
            await self.settle()
        return shown()

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.settle()

    async def connect(self, *waiting: Pending) -> None:
        """The link comes up with these prompts waiting, and they have been on the screen for a second."""
        self.link.now_pending = list(waiting)
        await self.feed(testing.connected())
        self.clock.advance(1)

    @property
    def told(self) -> str:
        """All that the operator was told in passing, toasts that are gone included."""
        return "\n".join(remark.text for remark in self.app.board.remarks)

    @property
    def lines(self) -> list[str]:
        """The screen as text."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip) for strip in strips]

    @property
    def text(self) -> str:
        """The screen as one text."""
        return "\n".join(self.lines)


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and pauses wait for the event loop, however much else the machine does; toasts stay until they are cleared."""
    monkeypatch.setattr("textual.app.wait_for_idle", rest)
    monkeypatch.setattr("textual.pilot.wait_for_idle", rest)
    monkeypatch.setattr("textual.widgets._toast.Toast._on_mount", lambda _self, _event: None)


Open = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Open:
    """Opens a stage of a size at a view; `environ` decides on the colours."""

    @contextlib.asynccontextmanager
    async def opened(
        size: tuple[int, int] = (120, 40), start: str = "traffic", settings: Settings | None = None, **environ: Any
    ) -> AsyncGenerator[Stage, None]:
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("PIPELOCK_THEME", "dark")
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        link, clock = testing.FakeLink(), testing.StillClock()
        app = Dashboard(link, clock, settings or Settings(start=start))
        async with app.run_test(size=size, notifications=True) as pilot:
            for timer in app._timers:
                timer.pause()  # `flush`, `tick` and `poll` are called when a test wants them
            yield Stage(app, link, clock, pilot)

    return opened
