from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest
from textual.strip import Strip
from textual.widgets import Input

from pipelock.control.aio import Disconnected
from pipelock_tui import testing
from pipelock_tui.catalogue import PLACES
from pipelock_tui.doctor.view import DoctorView
from pipelock_tui.overview.view import OverviewView
from pipelock_tui.widgets.command_line import CommandLine
from pipelock_tui.widgets.listing import Listing
from pipelock_tui.widgets.paint import Page

if TYPE_CHECKING:
    from tests.tui.conftest import Open


async def test_views_are_made_when_they_are_first_asked_for(stage: Open) -> None:
    async with stage(start="overview") as show:
        await show.connect()
        assert [view.NAME for view in show.app.switcher.mounted] == ["overview"]
        for place in PLACES:
            await show.press(str(place.number))
            view = show.app.switcher.view
            assert view is not None
            assert place.name == view.NAME
            assert [widget.id for widget in show.app.switcher.children if widget.display] == [f"view-{place.name}"]
            assert show.app.focused is not None
            assert view in show.app.focused.ancestors_with_self, "its keys work at once"
        assert len(show.app.switcher.mounted) == len(PLACES)


async def test_escape_goes_back_to_the_view_before(stage: Open) -> None:
    async with stage(start="overview") as show:
        await show.connect()
        await show.press("8", "9", "escape")
        assert show.app.switcher.current == "kill"
        await show.press("escape")
        assert show.app.switcher.current == "doctor"
        show.app.show("nowhere")
        assert show.app.switcher.current == "doctor"


class Broken(OverviewView):
    """A view with a defect in each of its parts in turn."""

    where: ClassVar[str] = ""

    def lines(self, width: int) -> list[tuple[object, ...]]:  # type: ignore[override]
        if self.where == "drawing":
            raise ValueError("defect in drawing")
        return super().lines(width)  # type: ignore[return-value]

    def poll(self) -> None:
        if self.where == "polling":
            raise ValueError("defect in polling")

    def on_key(self) -> None:
        if self.where == "a message":
            raise ValueError("defect in a message")

    def on_mount(self) -> None:
        if self.where == "painting":
            self.page.paint = failing  # type: ignore[assignment, method-assign]


def failing(*_: object, **__: object) -> Strip:
    raise ValueError("defect in painting")


@pytest.mark.parametrize("where", ["making", "drawing", "polling", "a message", "painting"])
async def test_a_view_that_breaks_ends_alone_and_can_be_tried_again(
    stage: Open, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def made(_shell: object) -> OverviewView:
        if where == "making":
            raise ValueError("defect in making")
        return Broken(_shell)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Broken, "where", where)
        patch.setattr("pipelock_tui.overview.view.OverviewView", made)
        async with stage(start="kill") as show:
            await show.connect(testing.pending())
            await show.press("1")
            await show.press("j")
            assert f"ValueError: defect in {where}" in show.text
            assert "Overview can't be shown" in show.text
            show.clock.advance(1)
            await show.press("a")
            assert len(show.link.answers) == 1, "prompts are answered all the same"
            await show.press("8")
            assert "Overview can't be shown" not in show.text
            patch.undo()
            await show.press("1")
            assert "DAEMON" in show.text


async def test_a_view_that_asks_says_what_it_lacks(stage: Open) -> None:
    async with stage(start="doctor") as show:
        await show.settle()
        assert "There is no connection to the daemon" in show.text
        await show.press("c")
        assert show.link.asked == []
        await show.connect()
        assert "4 checks: 1 fail, 1 warn, 2 ok" in show.text
        await show.feed(Disconnected("gone"))
        assert "not connected: this may be old" in show.text
        view = show.app.switcher.view
        assert isinstance(view, DoctorView)
        assert view.value is not None


@pytest.mark.parametrize("view", ["3", "4"])
async def test_whoever_types_goes_on_typing_whatever_the_screen_makes_room_for(stage: Open, view: str) -> None:
    async with stage((80, 24)) as show:
        await show.connect()
        await show.feed(testing.decided(1))
        await show.press(view, "enter", "colon")
        # A letter that went elsewhere would be a key, and an answer to what begins to wait now.
        show.link.now_pending = [testing.pending()]
        await show.feed(testing.held(2, at=show.clock.now))
        show.clock.advance(1)
        await show.press("a")
        assert show.app.screen.query_one("#command-input", Input).value == "a"
        assert show.link.answers == []


async def test_a_detail_has_the_keys_where_the_list_has_no_room_any_more(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        await show.press("4", "enter")
        view = show.app.switcher.view
        assert view is not None
        view.query_one(Listing).focus()  # as a click does
        await show.settle()
        await show.pilot.resize_terminal(80, 24)
        await show.settle()
        assert view.query_one(Page).has_focus


async def test_a_view_ends_alone_when_a_key_of_its_list_breaks(stage: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Listing, "action_step", failing)
    async with stage() as show:
        await show.connect()
        await show.press("4", "j")
        assert "Sessions can't be shown" in show.text
        await show.press("3")
        assert "FOLLOWING" in show.text


async def test_the_command_line_closes_when_something_else_takes_the_keys(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        await show.press("colon", "x", "ctrl+o")
        assert show.app.screen_stack[0].query_one(CommandLine).display
        await show.press("a")
        assert not show.app.screen_stack[0].query_one(CommandLine).display
        assert "/ filter" in show.text
