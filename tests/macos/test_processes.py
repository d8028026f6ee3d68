"""Which processes are an agent's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_macos.processes import belonging, rows

TEXT = """  1     0     1 ??
  100     1   100 ttys000
  200   100   200 ttys004
  201   200   200 ttys004
  202   201   202 ttys004
  203     1   203 ttys004
  204   202   204 ??
  205     1   200 ??
  206     1   206 ??
"""


def test_descent_group_and_terminal() -> None:
    assert belonging(rows(TEXT), 200, "ttys004") == {200, 201, 202, 203, 204, 205}
    assert belonging(rows(TEXT), 200, "") == {200, 201, 202, 204, 205}
    assert belonging(rows(TEXT), 999, "") == set()


@pytest.mark.parametrize("text", ["", "a b c d", "1 2 3", "1 2 3 t x", "-1 2 3 t", "99999999999 1 1 t", "١ 1 1 t"])
def test_lines_that_say_something_else_are_left_out(text) -> None:
    assert rows(text) == []


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3, st.sampled_from(["t", "??"])), max_size=20), st.integers(2, 9))
def test_no_circle_is_without_end_and_the_system_s_first_is_nobody_s(listed, first) -> None:
    assert not belonging(listed, first, "t") & {0, 1}
