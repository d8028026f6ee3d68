"""Making what the daemon tells fit into frames."""

from __future__ import annotations

import msgspec
import pytest

from pipelock.control._wire import MAX_ITEM, PAGE, fit, fit_event, fit_page, newer_than
from pipelock.control.testing import make_pending
from pipelock.model import (
    Action,
    ActionSummary,
    Contained,
    Decided,
    Decision,
    Denial,
    Event,
    Finding,
    Kind,
    NotedDenial,
    Notice,
    Pending,
    Record,
    Sandboxed,
    Session,
    SessionDetail,
    Severity,
    Transport,
    Verdict,
    Wall,
    WallName,
    WallState,
)


def decided(**changes: object) -> Event:
    fields = {"id": "a", "kind": Kind.REQUEST, "transport": Transport.FORWARD, **changes}
    action = msgspec.convert(fields, ActionSummary)
    return Event(
        7, 1.0, Decided(Record(at=1.0, action=action, decision=Decision(action_id="a", verdict=Verdict.STRIP)))
    )


def test_what_fits_is_left_alone() -> None:
    event = decided(url="http://x.test/")
    assert fit_event(event) is event


def test_replacement_bodies_stay_at_home() -> None:
    event = decided()
    record = event.payload.record  # type: ignore[union-attr]
    heavy = msgspec.structs.replace(record, decision=msgspec.structs.replace(record.decision, body=b"x" * 10_000_000))
    assert fit_event(msgspec.structs.replace(event, payload=Decided(heavy))) == event


@pytest.mark.parametrize("text", ["\ud800", "x" * MAX_ITEM, "\x00" * MAX_ITEM])
def test_an_event_that_cannot_be_written_is_shortened_and_escaped(text: str) -> None:
    fitted = fit_event(decided(url="http://x.test/", preview=text))
    action = fitted.payload.record.action  # type: ignore[union-attr]
    assert action.url == "http://x.test/"
    assert action.preview.isprintable()
    assert len(msgspec.json.encode(fitted)) <= MAX_ITEM
    assert fitted.seq == 7


def test_many_headers_are_cut() -> None:
    fitted = fit_event(decided(headers=tuple((f"h{n}", "v" * 500) for n in range(1000))))
    assert len(fitted.payload.record.action.headers) == 50  # type: ignore[union-attr]


def test_an_event_that_cannot_even_be_shortened_becomes_a_notice() -> None:
    finding = Finding("s" * 2000, "r" * 2000, Severity.LOW, "\u202e" * 2000, path=("p" * 2000,) * 60)
    event = decided()
    record = event.payload.record  # type: ignore[union-attr]
    decision = msgspec.structs.replace(record.decision, findings=(finding,) * 60)
    fitted = fit_event(
        msgspec.structs.replace(event, payload=Decided(msgspec.structs.replace(record, decision=decision)))
    )
    assert fitted == Event(7, 1.0, Notice("warn", "event 7 is too large to be shown; the audit log has it"))


def test_a_page_holds_what_fits_and_says_whether_there_is_more() -> None:
    items = [make_pending(number, reason="x" * 10_000) for number in range(1, 201)]
    seen: list[Pending] = []
    rounds, more = 0, True
    while more:
        page, more = fit_page(newer_than(items, lambda item: item.id, seen[-1].id if seen else ""))
        assert 0 < len(msgspec.json.encode(page)) <= PAGE + 10
        seen += page
        rounds += 1
    assert seen == items
    assert rounds == 4


def test_a_page_of_nothing() -> None:
    assert fit_page([]) == ((), False)


def test_one_hostile_item_does_not_hide_the_others() -> None:
    items = [make_pending(1), make_pending(2, reason="\udfff" * 10), make_pending(3)]
    page, more = fit_page(items)
    assert [item.id for item in page] == ["1", "2", "3"]
    assert page[1].reason == "\\udfff" * 10
    assert not more


def test_an_item_that_is_too_large_however_short_is_left_out() -> None:
    sessions = [Session(key=str(n), agent="", client="", started_at=0.0, last_seen_at=0.0) for n in (1, 2)]
    giant = Finding("s", "r", Severity.LOW, "m", path=("\U000e0041" * 1000,) * 70)
    assert fit(sessions[0])[0] is sessions[0]
    assert fit(giant)[1] == 0
    assert fit_page([giant]) == ((), False)


def test_newer_than_counts_ids_as_numbers() -> None:
    items = [make_pending(number) for number in (2, 9, 10, 11, 100)]
    ids = [item.id for item in newer_than(items, lambda item: item.id, "9")]
    assert ids == ["10", "11", "100"]
    assert [item.id for item in newer_than(items, lambda item: item.id, "50")] == ["100"]
    assert newer_than(items, lambda item: item.id, "") is items


def test_an_action_is_never_sent() -> None:
    """Events carry summaries: the type with a body has no place in them."""
    assert Action not in {field.type for field in msgspec.structs.fields(Record)}


def test_a_sandbox_as_large_as_it_can_get_is_shown() -> None:
    text = "\ud800" + "x" * 299
    walls = tuple(Wall(WallName.FILES, WallState.UP, text, text) for _ in range(32))
    denials = tuple(NotedDenial(1.0, Denial(WallName.FILES, text, text, text, text)) for _ in range(50))
    sandbox = Sandboxed(
        contained=Contained(id="0123456789ab", agent="a", command=text, workspace="w" * 4096, walls=walls),
        rules=("host=" + "r" * 2000,) * 500,
        denials=denials,
    )
    session = Session(key="k", agent="a", client="c", started_at=0, last_seen_at=0)
    detail, size = fit(SessionDetail(session, sandbox=sandbox))
    assert 0 < size <= MAX_ITEM
    assert detail.sandbox is not None
    assert len(detail.sandbox.denials) == 50
