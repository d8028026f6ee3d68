from __future__ import annotations

import pytest

from pipelock.config.problems import MAX_PROBLEMS, ConfigError, Problem, nearest


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("f", 3, 5, "a.b", "is wrong", "c"), 'f:3:5: a.b: is wrong (did you mean "c"?)'),
        (Problem("f", 3, 5, "a.b", "is wrong"), "f:3:5: a.b: is wrong"),
        (Problem("f", 0, 0, "a.b", "is wrong"), "f: a.b: is wrong"),
        (Problem("f", 0, 0, "", "cannot be read"), "f: cannot be read"),
        (Problem("f", 1, 1, "\x1b[2J\u202e", "unknown key"), "f:1:1: \\x1b[2J\\u202e: unknown key"),
    ],
)
def test_a_problem_is_one_safe_line(problem: Problem, line: str) -> None:
    assert str(problem) == line


def test_an_error_lists_its_problems_in_file_order() -> None:
    error = ConfigError([Problem("f", 9, 1, "b", "x"), Problem("f", 2, 7, "a", "y"), Problem("f", 2, 3, "c", "z")])
    assert str(error).splitlines() == ["f:2:3: c: z", "f:2:7: a: y", "f:9:1: b: x"]


def test_an_error_is_bounded() -> None:
    error = ConfigError(Problem("f", line, 1, "k", "m") for line in range(MAX_PROBLEMS * 3))
    assert len(error.problems) == MAX_PROBLEMS
    assert str(error).splitlines()[-1].startswith("… and 200 more")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("monitorng", "monitoring"),
        ("max-url-length", "max_url_length"),
        ("MODE", "mode"),
        ("zebra", ""),
        ("x" * 10_000, ""),
    ],
)
def test_the_nearest_word(word: str, found: str) -> None:
    assert nearest(word, ["mode", "monitoring", "max_url_length"]) == found
