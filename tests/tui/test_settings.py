from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_tui.settings import MAX_FILE, Settings, parse, read

WHOLE = """\
theme: colour-blind
start: traffic
notify: true
keys:
  answer.once: y
  kill.switch: ctrl+k
"""


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dashboard.yaml"
    path.write_text(WHOLE)
    made = read(path)
    assert (made.theme, made.start, made.notify, made.problems) == ("colour-blind", "traffic", True, ())
    assert made.keys == {"answer.once": "y", "kill.switch": "ctrl+k"}
    assert made.lines == {"answer.once": 5, "kill.switch": 6}


def test_no_file_and_an_empty_one_say_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "dashboard.yaml") == Settings()
    assert parse("") == Settings()
    assert parse("# nothing yet\n") == Settings()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("theme: pink", "line 1: theme must be one of dark, light"),
        ("\nstart: nowhere", "line 2: start must be one of overview, pending"),
        ("notify: perhaps", "line 1: notify must be true or false"),
        ("colour: red", "line 1: colour is unknown; there are theme, start, notify, keys"),
        ("- theme", "line 1: the file must be a mapping"),
        ("keys: a", "line 1: keys must be a mapping"),
        ("keys:\n  answer.once: [a]", "line 2: keys: an action and its keys are words"),
        ("theme: [", "line 2:"),
        ("? [a]\n: b", "line 1:"),
        ("x: &a [*b]", "line 1:"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_the_rest_holds(text: str, says: str) -> None:
    made = parse(f"{text}\n")
    assert says in made.problems[0]
    assert made.problems[0].startswith("dashboard.yaml")


def test_one_mistake_does_not_spoil_the_rest() -> None:
    made = parse("theme: pink\nstart: traffic\n")
    assert made.start == "traffic"
    assert made.theme == ""


def test_nesting_without_end_is_no_crash() -> None:
    assert parse("[" * 5_000).problems


@pytest.mark.parametrize(
    ("content", "says"), [(b"x" * (MAX_FILE + 1), "longer than"), (b"\xff\xfe", "is not UTF-8")], ids=["long", "bytes"]
)
def test_what_is_no_such_file_is_told(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "dashboard.yaml"
    path.write_bytes(content)
    assert says in read(path).problems[0]


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    assert "is no file" in read(tmp_path).problems[0]


@given(st.text(max_size=200))
def test_no_text_is_a_crash(text: str) -> None:
    parse(text)
