from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.cli.output import as_json, complain, mark, print_table, uses_colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({}, False),
    ],
)
def test_colour_needs_a_terminal_that_has_it_and_a_user_who_wants_it(environ: dict[str, str], expected: bool) -> None:
    assert uses_colour(Terminal(), environ) is expected
    assert not uses_colour(io.StringIO(), environ)


def test_marks_only_where_there_is_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr("sys.stdout", Terminal())
    assert mark("x", "red") == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert mark("x", "red") == "x"


@given(st.text())
def test_json_is_printable_ascii_and_says_exactly_what_was_there(text: str) -> None:
    shown = as_json({"text": text}, indent=None)
    assert shown.isascii()
    assert shown.isprintable()
    assert json.loads(shown) == {"text": text}


def test_json_is_indented_by_two() -> None:
    assert as_json({"a": [1]}) == '{\n  "a": [\n    1\n  ]\n}'


def test_complaints_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    complain("a\nb\x1b[31m")
    assert capsys.readouterr().err == "pipelock: a\\x0ab\\x1b[31m\n"


def test_tables_are_aligned_and_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [("a\x1b[2J", "1"), ("longer-name", "22")])
    assert capsys.readouterr().out.splitlines() == ["NAME         N", "a\\x1b[2J     1", "longer-name  22"]


def test_a_table_without_rows_has_its_heads(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [])
    assert capsys.readouterr().out == "NAME  N\n"
