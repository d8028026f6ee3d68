from __future__ import annotations

import pytest
from textual.binding import Binding

from pipelock_tui.actions import Action, bindings, key_word, key_words


@pytest.mark.parametrize(
    ("key", "word"),
    [
        ("question_mark", "?"),
        ("f1", "F1"),
        ("f12", "F12"),
        ("ctrl+p", "ctrl+p"),
        ("escape", "esc"),
        ("a", "a"),
        ("", ""),
    ],
)
def test_keys_have_words(key: str, word: str) -> None:
    assert key_word(key) == word


def test_words_of_several_keys_have_spaces_between() -> None:
    assert key_words("j,down, ") == "j ↓"


def test_bindings_carry_the_id_and_go_to_the_shell_unless_the_widget_has_its_own() -> None:
    actions = (Action("one.here", "a,b", "one"), Action("two.there", "c", "two"), Action("three.none", "", "three"))
    made = [each for each in bindings(actions, {"two.there": "step(1)"}) if isinstance(each, Binding)]
    assert [(each.key, each.action, each.id) for each in made] == [
        ("a,b", "app.do('one.here')", "one.here"),
        ("c", "step(1)", "two.there"),
    ]
