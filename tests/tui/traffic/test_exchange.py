from __future__ import annotations

import msgspec
import pytest

from pipelock.model import Kind, Record
from pipelock_tui import testing
from pipelock_tui.rows import Row
from pipelock_tui.traffic.exchange import AROUND, MAX_PARTS, action_of, exchange_of


def made(action_id: str, at: float, *, kind: Kind = Kind.REQUEST, agent: str = "claude") -> Record:
    action = testing.summary(kind=kind, agent=agent, status=200 if kind is Kind.RESPONSE else 0)
    return testing.renamed(testing.record(action, at=testing.NOON + at), action_id)


def rows(*records: Record) -> list[Row]:
    return [Row(record.at, record) for record in records]


REQUEST, RESPONSE = made("a1", 1), made("a1", 3, kind=Kind.RESPONSE)
CLOSED = Row(testing.NOON + 9, text="○ tunnel closed", action_id="a1")


def test_a_request_its_answer_and_its_end_belong_together() -> None:
    found = exchange_of(RESPONSE, [*rows(made("a0", 0), REQUEST, made("b", 2), RESPONSE), CLOSED])
    assert found.request is REQUEST
    assert found.response is RESPONSE
    assert [action_of(row) for row in found.rows] == ["a1", "a1", "a1"]
    assert [row.record.action.id for row in found.before if row.record] == ["a0"]
    assert [row.record.action.id for row in found.after if row.record] == ["b"]


def test_other_sessions_are_not_around_it() -> None:
    found = exchange_of(REQUEST, rows(made("z", 0, agent="pip"), REQUEST, made("y", 2, agent="pip")))
    assert found.before == found.after == ()


def test_what_is_around_and_what_belongs_to_it_is_bounded() -> None:
    near = [made(f"n{number}", number) for number in range(30)]
    pieces = [made("a1", 40 + number, kind=Kind.PIECE) for number in range(MAX_PARTS + 50)]
    found = exchange_of(REQUEST, rows(*near, REQUEST, *pieces, *near))
    assert len(found.before) == len(found.after) == AROUND
    assert [row.record.action.id for row in found.before if row.record][-1] == "n29"
    assert len(found.rows) == MAX_PARTS
    assert len(found.parts) == MAX_PARTS


def test_what_is_no_longer_in_memory_stands_alone() -> None:
    found = exchange_of(REQUEST, rows(made("other", 0)))
    assert [row.record for row in found.rows] == [REQUEST]
    assert found.before == found.after == ()
    assert found.response is None


@pytest.mark.parametrize("kind", [Kind.EVENT, Kind.MESSAGE, Kind.PIECE])
def test_parts_are_neither_request_nor_answer(kind: Kind) -> None:
    part = made("a1", 5, kind=kind)
    found = exchange_of(part, rows(part))
    assert found.request is None
    assert found.response is None
    assert found.parts == (part,)


def test_remarks_have_no_action() -> None:
    assert action_of(Row(1.0, text="hello")) == ""
    assert action_of(Row(1.0, msgspec.structs.replace(REQUEST))) == "a1"
