"""What is remembered, for how long, and that a flood of names washes nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelock.engine.taint.overrides import Override
from pipelock.engine.taint.sources import Source
from pipelock.engine.taint.table import MAX_IDLE, MAX_SOURCES, Row, Table
from pipelock.model import Lamp, TaintLevel

NOW = 1_700_000_000.0


def a_source(number: int = 0, level: TaintLevel = TaintLevel.UNTRUSTED) -> Source:
    return Source(f"https://host-{number}.example/", f"host-{number}.example", level, "response", NOW + number)


def taint(table: Table, key: str, level: TaintLevel = TaintLevel.UNTRUSTED, at: float = NOW) -> Row:
    row = table.touch(key, at)
    row.read(a_source(level=level))
    table.settle(key)
    return row


@given(st.lists(st.sampled_from(TaintLevel), max_size=80))
def test_the_worst_stays_whatever_comes_after(levels: list[TaintLevel]) -> None:
    row = Row(NOW)
    for number, level in enumerate(levels):
        before = row.level
        assert row.read(a_source(number, level)) is (level.rank > before.rank)
    worst = max(levels, key=lambda level: level.rank, default=TaintLevel.TRUSTED)
    assert row.level is worst
    assert len(row.sources) <= MAX_SOURCES
    # However many were dropped, what is left says no less.
    assert row.level_without(()) is worst


def test_a_source_that_was_bad_once_is_no_better_the_next_time() -> None:
    row = Row(NOW)
    row.read(a_source(level=TaintLevel.HOSTILE))
    row.read(a_source(level=TaintLevel.UNTRUSTED))
    assert [one.level for one in row.sources.values()] == [TaintLevel.HOSTILE]


def test_the_oldest_that_is_not_hostile_is_dropped_first() -> None:
    row = Row(NOW)
    row.read(a_source(0, TaintLevel.HOSTILE))
    for number in range(1, MAX_SOURCES + 1):
        row.read(a_source(number, TaintLevel.UNTRUSTED))
    assert a_source(0).url in row.sources
    assert a_source(1).url not in row.sources
    assert row.lost is TaintLevel.UNTRUSTED


def test_what_is_forgiven_no_longer_counts_but_what_was_dropped_does() -> None:
    row = Row(NOW)
    row.read(a_source(1, TaintLevel.UNTRUSTED))
    row.read(a_source(2, TaintLevel.HOSTILE))
    second = Override(source="host-2.example", expires=NOW + 1)
    both = (second, Override(source="host-1.example", expires=NOW + 1))
    assert row.level_without((second,)) is TaintLevel.UNTRUSTED
    assert row.level_without(both) is TaintLevel.TRUSTED
    row.lost = TaintLevel.UNTRUSTED
    assert row.level_without(both) is TaintLevel.UNTRUSTED


def test_silence_for_a_night_forgets_and_less_does_not() -> None:
    table = Table()
    taint(table, "a")
    assert table.peek("a", NOW + MAX_IDLE) is not None
    assert table.peek("a", NOW + MAX_IDLE + 1) is None
    assert table.known("a") is None


def test_traffic_keeps_it() -> None:
    table = Table()
    taint(table, "a")
    table.touch("a", NOW + MAX_IDLE)
    assert table.peek("a", NOW + 2 * MAX_IDLE) is not None


def test_a_flood_of_names_drops_those_that_carry_no_mark() -> None:
    table = Table(limit=10)
    taint(table, "bad")
    for number in range(100):
        table.touch(f"name-{number}", NOW)
    assert len(table) == 10
    row = table.peek("bad", NOW)
    assert row is not None
    assert row.level is TaintLevel.UNTRUSTED
    assert table.peek("name-0", NOW) is None


def test_where_a_marked_one_has_to_go_everybody_new_is_suspect_for_a_while() -> None:
    table = Table(limit=10)
    taint(table, "bad", TaintLevel.HOSTILE)
    for number in range(20):
        taint(table, f"name-{number}", at=NOW + 1)
    assert table.known("bad") is None
    row = table.peek("bad", NOW + 2)
    assert row is not None
    assert row.level is TaintLevel.HOSTILE
    assert row.untrusted.lit
    assert table.touch("another", NOW + 2).level is TaintLevel.HOSTILE
    assert len(table) == 10
    # Only for a while, and a new task ends it for whom a person begins one.
    table.afresh("mine", NOW + 2)
    mine = table.peek("mine", NOW + 3)
    assert mine is not None
    assert mine.level is TaintLevel.TRUSTED
    assert table.peek("bad", NOW + MAX_IDLE + 2) is None


def test_those_that_were_silent_for_a_night_go_without_a_trace() -> None:
    table = Table(limit=3)
    for number in range(3):
        taint(table, f"old-{number}", TaintLevel.HOSTILE)
    later = NOW + MAX_IDLE + 1
    for number in range(3):
        taint(table, f"new-{number}", TaintLevel.UNTRUSTED, later)
    assert table.peek("someone", later) is None


def test_a_lamp_or_a_task_is_a_mark_too() -> None:
    for row in (Row(NOW, private=Lamp(lit=True)), Row(NOW, egress=Lamp(lit=True)), Row(NOW, task_id="task-1")):
        assert row.is_marked
    assert not Row(NOW, level=TaintLevel.LOW_RISK).is_marked


def test_forgetting_is_for_good() -> None:
    table = Table()
    taint(table, "a")
    table.forget("a")
    table.forget("never seen")
    assert len(table) == 0
    table.settle("never seen")
    assert len(table) == 0
