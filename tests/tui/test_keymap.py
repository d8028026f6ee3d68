from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_tui.actions import Action
from pipelock_tui.catalogue import ACTIONS
from pipelock_tui.keymap import MAX_KEYS, conflicts, parse_keys, resolve


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("a", "a"),
        ("A", "A"),
        ("?", "question_mark"),
        (" ctrl+k , f5 ", "ctrl+k,f5"),
        ("comma", "comma"),
        ("alt+.", "alt+full_stop"),
        ("+", "plus"),
        ("ctrl+shift+up", "ctrl+shift+up"),
        ("ä", "ä"),
    ],
)
def test_keys_are_read(typed: str, keys: str) -> None:
    assert parse_keys(typed) == keys


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "a key is missing"),
        ("a,,b", "a key is missing"),
        ("enter+", "is no key"),
        ("hyper+x", "is no key"),
        ("\x1b", "is no key"),
        (",".join("abcdef"), f"at most {MAX_KEYS}"),
    ],
)
def test_what_is_no_key_says_so(typed: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_keys(typed)


HERE = (
    Action("answer.once", "a", "everywhere"),
    Action("one.end", "x", "in one view", ("one",)),
    Action("two.export", "x", "in another", ("two",)),
    Action("list.down", "j", "in lists", ("list",)),
    Action("dialog.agree", "y", "in windows", ("dialog",)),
)


def test_the_same_key_in_different_places_is_no_conflict() -> None:
    assert conflicts(HERE, {}) == []
    assert conflicts(HERE, {"dialog.agree": "a"}) == []


@pytest.mark.parametrize(
    ("wanted", "changed", "refused"),
    [
        ({"answer.once": "y"}, {"answer.once": "y"}, []),
        ({"one.end": "a"}, {}, ["one.end"]),
        ({"answer.once": "x"}, {}, ["answer.once"]),
        ({"one.end": "j"}, {}, ["one.end"]),
        ({"one.end": "j", "list.down": "J"}, {"one.end": "j", "list.down": "J"}, []),
        ({"answer.once": "b", "one.end": "b"}, {}, ["one.end", "answer.once"]),
        ({"answer.once": "j", "list.down": "a"}, {"answer.once": "j", "list.down": "a"}, []),
        ({"nothing.here": "b"}, {}, ["nothing.here"]),
        ({"answer.once": "hyper+b"}, {}, ["answer.once"]),
    ],
)
def test_changes_that_get_in_the_way_are_refused(
    wanted: dict[str, str], changed: dict[str, str], refused: list[str]
) -> None:
    made = resolve(HERE, wanted)
    assert set(made.changed) | set(refused) == set(wanted)
    if len(refused) < 2:
        assert made.changed == changed
        assert [action for action, _ in made.problems] == refused


def test_a_refusal_names_the_other_action_and_what_stays() -> None:
    ((action, words),) = resolve(HERE, {"one.end": "a"}).problems
    assert (action, words) == ("one.end", "a is the key of answer.once already; x stays")


@given(
    st.dictionaries(st.sampled_from([action.id for action in ACTIONS]), st.sampled_from("abcdjkxyz?/KRT1"), max_size=8)
)
def test_whatever_is_wanted_the_keys_in_force_never_conflict(wanted: dict[str, str]) -> None:
    made = resolve(ACTIONS, wanted)
    assert conflicts(ACTIONS, made.changed) == []
    assert set(made.changed) | {action for action, _ in made.problems} == set(wanted)
