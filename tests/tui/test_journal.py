from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelock.query import parse
from pipelock_tui.journal import CAPACITY, Journal
from pipelock_tui.rows import Row


def rows(*texts: str) -> list[Row]:
    return [Row(0, text=text) for text in texts]


def test_the_oldest_rows_go_first() -> None:
    journal = Journal(3)
    assert journal.add(rows("a", "b", "c")) == 0
    assert journal.add(rows("d", "e")) == 2
    assert [journal.row(i).text for i in range(len(journal))] == ["c", "d", "e"]
    assert journal.total == 3


def test_a_filter_shows_a_part_and_new_rows_pass_through_it() -> None:
    journal = Journal(4)
    journal.add(rows("ant", "bee", "ant two"))
    journal.apply(parse("ant"))
    assert len(journal) == 2
    assert journal.add(rows("bee two", "ant three")) == 1
    assert [journal.row(i).text for i in range(len(journal))] == ["ant two", "ant three"]
    journal.apply(parse(""))
    assert len(journal) == 4


def test_a_number_finds_its_row_or_the_next() -> None:
    journal = Journal(3)
    journal.add(rows("a", "b", "c"))
    second = journal.number(1)
    journal.add(rows("d"))
    assert journal.row(journal.index(second)).text == "b"
    journal.add(rows("e", "f"))
    assert journal.row(journal.index(second)).text == "d"
    journal.apply(parse("zzz"))
    assert journal.index(second) == 0


@given(st.lists(st.lists(st.sampled_from(["x", "y"]), max_size=6), max_size=8), st.integers(1, 7))
def test_what_is_shown_is_what_matches_among_the_newest(batches: list[list[str]], capacity: int) -> None:
    journal = Journal(capacity)
    journal.apply(parse("x"))
    everything: list[str] = []
    for batch in batches:
        journal.add(rows(*batch))
        everything += batch
        wanted = [text for text in everything[-capacity:] if text == "x"]
        assert [journal.row(i).text for i in range(len(journal))] == wanted
    assert journal.total <= capacity


def test_the_bound_is_ten_thousand() -> None:
    journal = Journal()
    journal.add(rows(*["a"] * (CAPACITY + 500)))
    assert journal.total == len(journal) == CAPACITY == 10_000
