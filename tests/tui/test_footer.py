from __future__ import annotations

import pytest

from pipelock_tui.catalogue import PLACES
from pipelock_tui.footer import TYPING, Hint, footer_line, shown_actions
from pipelock_tui.text import plain, width_of

HINTS = (Hint("a", "once", rank=0), Hint("x", "end", "Nothing is chosen.", 1), Hint("q", "quit", rank=4))


def test_the_reason_stands_behind_the_keys() -> None:
    line = footer_line(HINTS, 80)
    assert plain(line) == " a once  x end  q quit  x is off: Nothing is chosen."
    roles = {part.text.strip(): part.role for part in line}
    assert (roles["a"], roles["x"]) == ("key", "dim")


@pytest.mark.parametrize("width", range(10, 80, 7))
def test_what_matters_least_gives_way_first(width: int) -> None:
    line = footer_line(HINTS, width)
    assert width_of(line) <= width
    assert "a once" in plain(line)


def test_what_can_not_be_used_gives_way_before_what_can() -> None:
    assert plain(footer_line(HINTS, 18)).strip() == "a once  q quit"


def test_while_something_is_typed_the_other_keys_are_off() -> None:
    assert "other keys are off while you type" in plain(footer_line(TYPING, 80))


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_answers_are_shown_where_something_waits(place: object) -> None:
    name = place.name  # type: ignore[attr-defined]
    quiet = {action.id for action in shown_actions(name, waiting=False)}
    assert {"shell.help", "shell.quit"} <= quiet
    assert "answer.once" not in quiet
    assert "answer.once" in {action.id for action in shown_actions(name, waiting=True)}


def test_an_unknown_view_has_the_shell_s_keys_alone() -> None:
    assert {action.id.partition(".")[0] for action in shown_actions("none", waiting=False)} == {"shell", "kill"}
