from __future__ import annotations

import msgspec
import pytest

from pipelock.model import Kind, Outcome, Record, Verdict
from pipelock_tui import testing
from pipelock_tui.rows import Row
from pipelock_tui.text import plain, width_of
from pipelock_tui.traffic.actions import TABS
from pipelock_tui.traffic.exchange import exchange_of
from pipelock_tui.traffic.tabs import MAX_JSON, page_lines, tab_line

ZONE = testing.StillClock.zone


def page(record: Record, tab: str, *others: Row) -> str:
    rows = sorted((Row(record.at, record), *others), key=lambda row: row.at)
    return "\n".join(plain(line) for line in page_lines(exchange_of(record, rows), tab, ZONE, "/home/dev/audit.jsonl"))


def answer(at: float) -> Row:
    action = testing.summary(kind=Kind.RESPONSE, status=404, size=12)
    return Row(testing.NOON + at, testing.record(action, at=testing.NOON + at))


def test_the_open_page_is_marked_at_every_width() -> None:
    for width in (20, 60, 120):
        for tab in TABS:
            drawn = tab_line(tab, width, keys="← →")
            assert plain(drawn).count("[") == 1
            assert f"[{tab[:4].capitalize()}" in plain(drawn)
            assert width < 50 or width_of(drawn) <= width


def test_request_and_response() -> None:
    request = testing.record()
    assert "GET https://api.example.com/v1/models" in page(request, "request", answer(2))
    shown = page(request, "response", answer(2))
    assert "← 404" in shown
    assert "12 bytes" in shown
    assert "Bodies are not kept" in shown


@pytest.mark.parametrize(
    ("record", "tab", "says"),
    [
        (testing.blocked(), "response", "we answered 403 ourselves"),
        (testing.record(), "response", "No answer is recorded"),
        (answer(0).record, "request", "The request is not in memory any more"),
    ],
)
def test_what_is_missing_says_why(record: Record, tab: str, says: str) -> None:
    assert says in page(record, tab)


def test_the_scan_says_what_taint_had_to_do_with_it() -> None:
    record = testing.record(verdict=Verdict.BLOCK, layer="taint", reason="It has read content from outside.")
    tainted = msgspec.structs.replace(record.decision, taint=testing.weighed())
    shown = page(msgspec.structs.replace(record, decision=tainted), "scan")
    assert "TAINT  external_untrusted" in shown
    assert "demands   ? ask" in shown
    assert "TAINT" not in page(record, "scan")
    for layer, first in (("taint", "TAINT"), ("dlp", "FINDINGS")):
        both = msgspec.structs.replace(tainted, layer=layer, findings=(testing.FINDING,))
        shown = page(msgspec.structs.replace(record, decision=both), "scan")
        assert (shown.index("TAINT") < shown.index("FINDINGS")) is (first == "TAINT")


def test_the_scan_says_what_was_noticed_and_what_to_do() -> None:
    shown = page(testing.blocked(), "scan")
    for words in ("✗ BLOCK  dlp", "A credential would leave", "Remove the key", "base64 → url", "critical"):
        assert words in shown
    assert "Nothing was noticed." in page(testing.record(), "scan")


def test_what_was_declared_harmless_is_shown_as_such() -> None:
    record = testing.record()
    quiet = msgspec.structs.replace(
        record, decision=msgspec.structs.replace(record.decision, suppressed=(testing.FINDING,))
    )
    shown = page(quiet, "scan")
    assert "DECLARED HARMLESS HERE" in shown
    assert "AWS Access ID" in shown


def test_the_timeline_gives_the_order_with_the_time_between() -> None:
    request = testing.record(outcome=Outcome.APPROVED, held_ms=3_200)
    upgraded = msgspec.structs.replace(
        request, decision=msgspec.structs.replace(request.decision, upgraded=Verdict.WARN, grant="g3")
    )
    closed = Row(testing.NOON + 9, text="○ tunnel closed", action_id=request.action.id)
    other = Row(testing.NOON + 1, testing.renamed(testing.record(at=testing.NOON + 1), "other"))
    shown = page(upgraded, "timeline", answer(0.5), closed, other)
    lines = shown.split("\n")
    assert "held 3.2 s: allowed" in shown
    assert "made stricter by the session's level, from warn" in shown
    assert "decided by grant g3" in shown
    assert any("+500.0 ms" in line and "404" in line for line in lines)
    assert any("+9.0 s" in line and "tunnel closed" in line for line in lines)
    assert lines.index(next(line for line in lines if "AFTER IT" in line)) > 4


def test_the_receipt_names_the_audit_line_and_holds_the_record() -> None:
    shown = page(testing.blocked(), "receipt")
    assert "request_id 00c0ffee in /home/dev/audit.jsonl" in shown
    assert '"verdict": "block"' in shown
    long = testing.record(testing.summary(headers=tuple((f"h{n}", "v" * 90) for n in range(1000))))
    assert "an export has all of it" in page(long, "receipt")
    assert len(page(long, "receipt")) < 3 * MAX_JSON
