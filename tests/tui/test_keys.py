"""Every action is reached by its key, by a key that the operator chose, and by its name on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipelock.control import frames
from pipelock.control.errors import ControlError
from pipelock_tui import testing
from pipelock_tui.actions import LIST, LISTS, Action
from pipelock_tui.catalogue import ACTIONS, ANSWERS, DIALOGS, PLACES, SHELL
from pipelock_tui.settings import Settings

if TYPE_CHECKING:
    from tests.tui.conftest import Open, Stage


def record(show: Stage) -> list[tuple[str, str]]:
    """From now on actions are noted instead of carried out, whatever would be said against them."""
    done: list[tuple[str, str]] = []
    app = show.app
    performers = [app.answering, app.shell_deeds, *app.switcher.mounted]
    for performer in performers:
        for name in performer.deeds:
            performer.deeds[name] = lambda argument, name=name: done.append((name, argument))  # type: ignore[misc]
    app.objection = lambda action: ""  # type: ignore[method-assign]
    return done


async def press_all(show: Stage, actions: tuple[Action, ...], done: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Presses every key of every action; those that led elsewhere or nowhere."""
    wrong = []
    for action in actions:
        for key in show.app.keys(action).split(","):
            done.clear()
            await show.pilot.press(key)
            if done != [(action.id, "")]:
                wrong.append((action.id, key))
    return wrong


async def test_every_key_that_counts_everywhere_leads_to_its_action(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        assert await press_all(show, (*ANSWERS, *SHELL), record(show)) == []


@pytest.mark.parametrize("place", [place for place in PLACES if place.actions], ids=lambda place: place.name)
async def test_every_key_of_a_view_leads_to_its_action(stage: Open, place: object) -> None:
    async with stage(start=place.name) as show:  # type: ignore[attr-defined]
        await show.connect(testing.pending())
        assert await press_all(show, place.actions, record(show)) == []  # type: ignore[attr-defined]


async def test_every_key_of_lists_moves(stage: Open) -> None:
    async with stage((120, 24)) as show:
        await show.feed(testing.connected(), *testing.busy_day())
        moved = {}
        for action in LISTS:
            for key in action.keys.split(","):
                if key != "enter":
                    listing = show.app.focused
                    await show.press("G" if action.id in {"list.up", "list.page_up", "list.first"} else "g")
                    before = listing.cursor  # type: ignore[union-attr]
                    await show.press(key)
                    moved[key] = listing.cursor - before  # type: ignore[union-attr]
        assert {key: step for key, step in moved.items() if not step} == {}
        assert (moved["j"], moved["down"], moved["k"], moved["up"]) == (1, 1, -1, -1)
        assert (moved["g"], moved["end"]) == (-39, 39)


def test_no_action_is_left_out_here() -> None:
    places = {action.id for place in PLACES for action in place.actions}
    covered = {action.id for action in (*ANSWERS, *SHELL, *LISTS, *DIALOGS)} | places
    assert covered == {action.id for action in ACTIONS}


async def test_keys_of_the_operator_s_own_hold_everywhere(stage: Open) -> None:
    keys = {"answer.once": "f7", "list.down": "J", "doctor.run": "f8", "kill.switch": "ctrl+k, f9"}
    async with stage(start="doctor", settings=Settings(start="doctor", keys=keys)) as show:
        await show.connect(testing.pending())
        changed = tuple(action for action in ACTIONS if action.id in keys and LIST not in action.views)
        done = record(show)
        assert await press_all(show, changed, done) == []
        done.clear()
        await show.pilot.press("a", "c", "K")
        assert done == [], "the defaults hold no more"
        assert " F7 once" in show.text, "and the bottom line says so"


async def test_pages_name_the_keys_of_the_operator_s_own(stage: Open) -> None:
    keys = {"doctor.run": "f8", "kill.switch": "f9", "config.reload": "f10", "view.pending": "f2"}
    async with stage((80, 40), settings=Settings(keys=keys)) as show:
        show.link.replies[frames.RunDoctor] = ControlError("unavailable", "another check is running")
        await show.connect(testing.pending())
        for view, words in (
            ("doctor", "f8 asks again"),
            ("kill", "f9 turns it on"),
            ("config", "f10 puts the file in force"),
            ("overview", "see f2 or answer below"),
        ):
            show.app.show(view)
            await show.settle()
            assert words.casefold() in show.text.casefold(), view


async def test_keys_that_get_in_the_way_are_told_with_their_line_and_the_defaults_hold(stage: Open) -> None:
    settings = Settings(keys={"answer.once": "d"}, lines={"answer.once": 4}, problems=("dashboard.yaml line 1: theme",))
    async with stage(settings=settings) as show:
        told = [remark.text for remark in show.app.board.remarks]
        assert told == [
            "dashboard.yaml line 1: theme",
            "dashboard.yaml line 4: answer.once: d is the key of answer.deny already; a stays",
        ]
        await show.connect(testing.pending())
        assert await press_all(show, ANSWERS[:1], record(show)) == []


async def test_a_command_goes_to_its_view_first(stage: Open) -> None:
    async with stage() as show:
        await show.connect()
        await show.press("colon", *"doc", "tab", "enter")
        assert show.app.switcher.current == "doctor"
        await show.press("colon", *"sessions.sort", "enter")
        assert show.app.switcher.current == "sessions"
        await show.press("colon", *"theme", "space", "l", "tab", "enter")
        assert show.app.theme == "pipelock-light"


async def test_a_command_that_is_none_says_so_and_stays(stage: Open) -> None:
    async with stage() as show:
        await show.connect(testing.pending())
        await show.press("colon", *"fly", "enter")
        assert "no command is called fly" in show.text
        await show.press("up")
        await show.press("escape")
        assert "no command is called fly" not in show.text
        await show.press("a")
        assert show.link.answers == [], "not armed right after the line was closed"
        await show.press("colon", "up")
        assert "fly" in show.text
        await show.press("down", "tab")


async def test_jump_mode_leads_to_parts_and_views(stage: Open) -> None:
    async with stage() as show:
        await show.feed(testing.connected(), *testing.busy_day())
        await show.press("k", "enter", "ctrl+o")
        assert "JUMP" in show.text
        await show.press("s")
        assert show.app.focused is not None
        assert show.app.focused.id != "decisions"
        await show.press("ctrl+o", "8")
        assert show.app.switcher.current == "kill"
        await show.press("ctrl+o", "exclamation_mark")
        assert "JUMP" not in show.text
