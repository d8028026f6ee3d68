from __future__ import annotations

import pytest

from pipelock_tui import testing
from pipelock_tui.actions import DIALOG, LIST
from pipelock_tui.catalogue import ACTIONS, PLACES, action_of, place_of
from pipelock_tui.dashboard import Dashboard
from pipelock_tui.keymap import conflicts
from pipelock_tui.views import View


def test_every_action_has_a_name_of_its_own() -> None:
    ids = [action.id for action in ACTIONS]
    assert len(ids) == len(set(ids))
    aliases = [alias for action in ACTIONS for alias in action.aliases]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & set(ids)


def test_no_two_actions_want_the_same_key_in_the_same_place() -> None:
    assert conflicts(ACTIONS, {}) == []


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_an_action_is_described(action: object) -> None:
    known = action_of(action.id)  # type: ignore[attr-defined]
    assert known is action
    assert known.label
    assert bool(known.verb) is not bool(known.alone), "a command that does the same, or why there is none"
    assert set(known.views) <= {place.name for place in PLACES} | {LIST, DIALOG}
    assert "." in known.id


def test_every_view_can_be_built_and_carries_out_its_actions() -> None:
    app = Dashboard(testing.FakeLink(), testing.StillClock())
    for place in PLACES:
        view = place.build(app)
        assert isinstance(view, View)
        assert place.name == view.NAME
        assert set(view.deeds) == {action.id for action in place.actions} == {action.id for action in view.ACTIONS}


def test_what_belongs_everywhere_is_carried_out_by_the_shell_or_by_the_answers() -> None:
    app = Dashboard(testing.FakeLink(), testing.StillClock())
    done = set(app.shell_deeds.deeds) | set(app.answering.deeds)
    assert done == {action.id for action in ACTIONS if not action.views}


def test_views_are_numbered_from_one() -> None:
    assert [place.number for place in PLACES] == list(range(1, len(PLACES) + 1))
    assert place_of("traffic") is PLACES[2]
    assert place_of("nowhere") is None
    assert action_of("nothing.at_all") is None
