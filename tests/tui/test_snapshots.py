"""What the screens look like, compared with stored pictures. PIPELOCK_UPDATE_SNAPSHOTS=1 stores new ones.

One run of the dashboard goes through all views, so that a hundred pictures cost a dozen starts.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from textual.strip import Strip

from pipelock.control import frames
from pipelock.control.aio import ControlError, Disconnected
from pipelock.model import AuditState, ConfigReview, HistoryPage, KillSwitchState, Verdict
from pipelock_tui import testing
from pipelock_tui.catalogue import PLACES
from tests.tui.picture import picture

if TYPE_CHECKING:
    from tests.tui.conftest import Open, Stage

HERE = Path(__file__).parent
STORED = HERE / "snapshots"
IMAGES = HERE.parents[1] / "docs" / "images"
LIMIT, IMAGE_LIMIT = 60_000, 200_000


def busy(link: testing.FakeLink) -> None:
    link.now_status = testing.status(
        sessions=5,
        grants=3,
        levels={"normal": 3, "elevated": 1, "critical": 1},
        tiers={"none": 3, "soft": 1, "hard": 1},
        history=9_004,
        rss=41_000_000,
        tunnels=3,
        connections=4,
        websockets=1,
        dashboards=2,
        audit_path="/home/dev/.pipelock/logs/audit.jsonl",
        top_blocked=(("collector.example.net", 8), ("files.example.net", 2)),
        top_layers=(("dlp", 8), ("egress", 2)),
    )
    link.now_pending = [
        testing.pending("7", twins=3),
        testing.pending("8", host="billing.example.com", left=42),
        testing.pending("9", host="collector.example.net", flagged=True, left=31),
    ]


async def empty(show: Stage) -> None:
    show.link.now_sessions = ()
    show.link.replies |= {
        frames.ListRules: frames.RulesReply(()),
        frames.ListGrants: frames.GrantsReply(()),
        frames.SearchHistory: frames.HistoryReply(HistoryPage()),
        frames.ReviewConfig: frames.ConfigReply(ConfigReview("/home/dev/.pipelock/config.yaml", "3f9a1c2e55d0b7aa")),
        frames.RunDoctor: frames.DoctorReply(()),
        frames.ReadAudit: frames.AuditReply(AuditState()),
    }
    await show.connect()


async def full(show: Stage) -> None:
    busy(show.link)
    await show.feed(testing.connected(), *testing.busy_day())
    show.clock.advance(1)
    show.app.tick()
    await show.settle()


SMALL, LARGE = (80, 24), (120, 40)
LOOKS = {"dark": {"PIPELOCK_THEME": "dark"}, "nocolor": {"NO_COLOR": "1"}}
TINY = (60, 20)


def compare(path: Path, drawn: str, limit: int = LIMIT) -> str:
    """Why the picture is not the stored one, empty where it is."""
    assert len(drawn) < limit, f"{path.name} has {len(drawn)} characters"
    if os.environ.get("PIPELOCK_UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
    if not path.exists():
        return f"{path.name} is not stored"
    return "" if path.read_text(encoding="utf-8") == drawn else f"{path.parent.name}/{path.name} looks different"


def shown(show: Stage) -> str:
    width, height = show.app.size
    return picture(show.app.screen._compositor.render_strips(), width, height)


async def calm(show: Stage) -> str:
    """The picture once nothing moves any more; on a busy machine the screen comes late to its turn."""
    show.app.clear_notifications()
    last: list[Strip] = []
    for _ in range(50):
        await show.settle()
        show.app.draw()
        await show.pilot.pause()
        now = show.app.screen._compositor.render_strips()
        if now == last:
            break
        last = now
    return shown(show)


async def visit(show: Stage, view: str) -> str:
    show.app.show(view)
    return await calm(show)


def name_of(case: tuple[Callable[[Stage], Awaitable[None]], tuple[int, int], str]) -> str:
    screen, (width, height), look = case
    return f"{screen.__name__}-{width}x{height}-{look}"


async def tour(show: Stage, state: str, look: str, *sizes: tuple[int, int]) -> list[str]:
    """Goes through all views in these sizes; what looks different."""
    wrong = []
    for width, height in sizes:
        await show.pilot.resize_terminal(width, height)
        for place in PLACES:
            path = STORED / place.name / f"{state}-{width}x{height}-{look}.svg"
            wrong.append(compare(path, await visit(show, place.name)))
    return [each for each in wrong if each]


@pytest.mark.parametrize("look", LOOKS)
async def test_every_view_looks_as_it_did_while_there_is_nothing(stage: Open, look: str) -> None:
    async with stage(LARGE, start="overview", **LOOKS[look]) as show:
        await empty(show)
        assert await tour(show, "empty", look, LARGE, SMALL) == [], "see PIPELOCK_UPDATE_SNAPSHOTS"


@pytest.mark.parametrize("look", LOOKS)
async def test_every_view_looks_as_it_did_while_much_is_there_and_when_the_connection_is_lost(
    stage: Open, look: str
) -> None:
    async with stage(LARGE, start="overview", **LOOKS[look]) as show:
        await full(show)
        wrong = await tour(show, "full", look, LARGE, SMALL, TINY)
        await show.feed(Disconnected("the daemon closed the connection"))
        wrong += await tour(show, "disconnected", look, LARGE, SMALL)
        assert wrong == [], "see PIPELOCK_UPDATE_SNAPSHOTS"


async def killed(show: Stage) -> None:
    sources = {"config": False, "api": True, "signal": True, "sentinel": False}
    await full(show)
    show.link.now_status = msgspec.structs.replace(
        show.link.now_status, kill_switch=KillSwitchState(active=True, sources=sources, message="Stopped")
    )
    show.app.poll()
    await show.settle()
    await visit(show, "kill")


async def question(show: Stage) -> None:
    await full(show)
    await show.press("K")


async def manual(show: Stage) -> None:
    await full(show)
    await show.press("question_mark")


async def command(show: Stage) -> None:
    await full(show)
    await show.press("colon", "t", "h")


async def jump(show: Stage) -> None:
    await full(show)
    await visit(show, "traffic")
    await show.press("ctrl+o")


async def refused(show: Stage) -> None:
    await full(show)
    show.link.replies[frames.RunDoctor] = ControlError("unavailable", "another check is running")
    await visit(show, "doctor")


async def tainted(show: Stage) -> None:
    await full(show)
    record = testing.blocked()
    header = msgspec.structs.replace(testing.FINDING, rule="JWT Token", place="header:x-session")
    decision = msgspec.structs.replace(
        record.decision, layer="taint", findings=(testing.FINDING, header), taint=testing.weighed(verdict=Verdict.BLOCK)
    )
    await show.feed(testing.decided(900, msgspec.structs.replace(record, decision=decision)))
    await visit(show, "traffic")
    await show.press("enter")


async def fixing(show: Stage) -> None:
    await tainted(show)
    await show.press("f", "right")


async def broken(show: Stage) -> None:
    await full(show)
    view = show.app.switcher.view
    assert view is not None
    show.app.switcher.breaks(view, ValueError("a defect"))


OTHERS = [
    (killed, SMALL, "dark"),
    (question, SMALL, "dark"),
    (manual, LARGE, "dark"),
    (command, SMALL, "nocolor"),
    (jump, LARGE, "dark"),
    (refused, SMALL, "dark"),
    (broken, SMALL, "dark"),
    (tainted, LARGE, "dark"),
    (fixing, SMALL, "nocolor"),
    (full, LARGE, "ansi-dark"),
    (full, LARGE, "light"),
    (full, LARGE, "contrast"),
    (full, LARGE, "colour-blind"),
]


@pytest.mark.parametrize("case", OTHERS, ids=name_of)
async def test_this_screen_looks_as_it_did(
    stage: Open, case: tuple[Callable[[Stage], Awaitable[None]], tuple[int, int], str]
) -> None:
    screen, size, look = case
    async with stage(size, start="overview", **LOOKS.get(look, {"PIPELOCK_THEME": look})) as show:
        await screen(show)
        drawn = await calm(show)
        assert not compare(STORED / "others" / f"{name_of(case)}.svg", drawn), "see PIPELOCK_UPDATE_SNAPSHOTS"


async def test_the_pictures_in_the_documentation_are_the_dashboard_of_today(stage: Open) -> None:
    wrong = []
    async with stage((120, 36), start="overview") as show:
        await full(show)
        for name in ("overview", "pending", "traffic", "sessions"):
            await visit(show, name)
            if name == "traffic":
                await show.press("k", "enter")
                await calm(show)
            drawn = show.app.export_screenshot(title="pipelock tui", simplify=True)
            wrong.append(compare(IMAGES / f"{name}.svg", drawn, IMAGE_LIMIT))
    assert not any(wrong), wrong
