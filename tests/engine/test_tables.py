from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine._tables import ProgressTable


def test_newcomers_go_before_those_who_got_further() -> None:
    table: ProgressTable[str, int] = ProgressTable(3)
    assert table.add("half-way", 1) == []
    table.promote("half-way")
    for number in range(10):
        table.add(f"flood{number}", 100 + number)
        assert len(table) <= 3
    assert table.get("half-way") == 1
    assert sorted(table) == [1, 108, 109]


def test_the_least_recently_used_goes_first() -> None:
    table: ProgressTable[str, int] = ProgressTable(2)
    table.add("a", 1)
    table.add("b", 2)
    assert table.get("a") == 1
    assert table.add("c", 3) == [2]
    for key in "ac":
        table.promote(key)
    table.promote("nobody")
    assert table.drop() == 1
    assert table.drop() == 3
    with pytest.raises(KeyError):
        table.drop()


def test_rows_are_taken_out_by_key_whatever_they_hold() -> None:
    table: ProgressTable[str, int] = ProgressTable(5)
    for number, key in enumerate("abc"):
        table.add(key, number)
    table.promote("c")
    assert table.all_keys() == ["a", "b", "c"]
    assert [table.remove(key) for key in "acx"] == [0, 2, None]
    assert table.all_keys() == ["b"]


@given(st.lists(st.tuples(st.sampled_from("agp"), st.integers(0, 9)), max_size=60))
def test_it_is_never_larger_than_its_limit(steps: list[tuple[str, int]]) -> None:
    table: ProgressTable[int, int] = ProgressTable(4)
    for step, key in steps:
        if step == "g":
            assert table.get(key) in (None, key)
        elif step == "p":
            table.promote(key)
        elif table.get(key) is None:
            table.add(key, key)
        assert len(table) == len(set(table)) <= 4
