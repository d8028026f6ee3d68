"""What the screens look like, compared with stored pictures. PIPELOCK_UPDATE_SNAPSHOTS=1 stores new ones."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelock.control.aio import Disconnected
from pipelock.model import KillSwitchState
from pipelock_tui import testing

if TYPE_CHECKING:
    from tests.tui.conftest import Open, Stage

HERE = Path(__file__).parent
STORED = HERE / "snapshots"
README_PICTURE = HERE.parents[1] / "docs" / "images" / "dashboard.svg"
LIMIT = 400_000


async def empty(show: Stage) -> None:
    await show.connect()


async def full(show: Stage) -> None:
    show.link.now_pending = [testing.pending("7", twins=3), testing.pending("8", host="billing.example.com", left=42)]
    await show.feed(testing.connected(), *testing.busy_day())
    show.clock.advance(1)
    show.app.tick()


async def disconnected(show: Stage) -> None:
    await full(show)
    await show.feed(Disconnected("the daemon closed the connection"))


async def detail(show: Stage) -> None:
    await full(show)
    await show.press("k", "enter")


async def killed(show: Stage) -> None:
    sources = {"config": False, "api": True, "signal": True, "sentinel": False}
    show.link.now_status = testing.status(kill_switch=KillSwitchState(active=True, sources=sources, message="Stopped"))
    await full(show)


async def question(show: Stage) -> None:
    await full(show)
    await show.press("K")


async def manual(show: Stage) -> None:
    await full(show)
    await show.press("question_mark")


SMALL, LARGE = (80, 24), (120, 40)
DARK: dict[str, str] = {}
NO_COLOR = {"NO_COLOR": "1"}
CASES = [
    (screen, size, colours)
    for screen in (empty, full, disconnected)
    for size in (SMALL, LARGE)
    for colours in (DARK, NO_COLOR)
]
CASES += [(detail, LARGE, DARK), (detail, SMALL, NO_COLOR), (killed, SMALL, DARK), (question, SMALL, DARK)]
CASES += [(manual, LARGE, DARK), (full, LARGE, {"PIPELOCK_THEME": "light"}), (full, (60, 20), DARK)]


def name_of(case: tuple[Callable[[Stage], Awaitable[None]], tuple[int, int], dict[str, str]]) -> str:
    screen, (width, height), colours = case
    look = "nocolor" if "NO_COLOR" in colours else colours.get("PIPELOCK_THEME", "dark")
    return f"{screen.__name__}-{width}x{height}-{look}"


def compare(path: Path, picture: str) -> None:
    if os.environ.get("PIPELOCK_UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture, encoding="utf-8")
    assert len(picture) < LIMIT
    assert path.read_text(encoding="utf-8") == picture, f"{path.name} looks different; see PIPELOCK_UPDATE_SNAPSHOTS"


@pytest.mark.parametrize("case", CASES, ids=name_of)
async def test_the_screen_looks_as_it_did(
    stage: Open, case: tuple[Callable[[Stage], Awaitable[None]], tuple[int, int], dict[str, str]]
) -> None:
    screen, size, colours = case
    async with stage(size, **colours) as show:
        await screen(show)
        await show.settle()
        compare(STORED / f"{name_of(case)}.svg", show.app.export_screenshot(title="pipelock tui"))


async def test_the_picture_in_the_readme_is_the_dashboard_of_today(stage: Open) -> None:
    async with stage((120, 36)) as show:
        await detail(show)
        compare(README_PICTURE, show.app.export_screenshot(title="pipelock tui"))
