from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelock.daemon.line_diff import MAX_COMPARED, line_diff

LINES = st.lists(st.sampled_from(["a", "b", "c", "", "- id"]), max_size=30)


def of(before: list[str], after: list[str]) -> list[str]:
    return list(line_diff(before, after, "old", "new"))


def test_a_change_stands_with_the_lines_around_it() -> None:
    before = [f"line {number}" for number in range(9)]
    after = [*before[:4], "other", *before[5:]]
    assert of(before, after) == [
        "--- old", "+++ new", "@@ -3 +3 @@", " line 2", " line 3", "-line 4", "+other", " line 5", " line 6"
    ]  # fmt: skip
    assert of(before, before) == []
    assert of([], ["x"]) == ["--- old", "+++ new", "@@ -1 +1 @@", "+x"]


def test_two_changes_that_lie_apart_stand_apart() -> None:
    before = [f"line {number}" for number in range(20)]
    after = ["new", *before, "last"]
    assert [line for line in of(before, after) if line.startswith("@@")] == ["@@ -1 +1 @@", "@@ -19 +20 @@"]


@given(LINES, LINES)
def test_whatever_changed_is_told(before: list[str], after: list[str]) -> None:
    told = of(before, after)[2:]
    assert bool(told) == (before != after)
    gone = [line[1:] for line in told if line.startswith("-")]
    come = [line[1:] for line in told if line.startswith("+")]
    left = sorted(before)
    for line in gone:
        left.remove(line)
    assert sorted(left + come) == sorted(after)


def test_of_very_much_all_is_told() -> None:
    # Every other line is different, so that what is alike has to be looked for everywhere.
    before = ["first", *(f"{number} {number % 2}" for number in range(MAX_COMPARED + 3)), "last"]
    after = ["first", *(f"{number} 0" for number in range(MAX_COMPARED + 3)), "last"]
    told = of(before, after)
    assert told[2] == "@@ -3 +3 @@"
    assert told[3:] == [*(f"-{line}" for line in before[2:-2]), *(f"+{line}" for line in after[2:-2])]
