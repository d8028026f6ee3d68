"""How bad it is to have read something."""

from __future__ import annotations

from typing import Any

import pytest

from pipelock.engine.taint.hosts import Standing
from pipelock.engine.taint.sources import MAX_SHOWN, level_of, shown_source
from pipelock.model import Action, Category, Direction, Kind, TaintLevel, Transport, Verdict
from tests.factories import a_decision, a_finding, a_response, a_summary, an_action

ORDER = a_finding(scanner="response_scan", place="body")


def level(action: Action, standing: Standing = Standing.OUTSIDE, **decision: Any) -> TaintLevel | None:
    return level_of(action, a_decision(**{"verdict": Verdict.ALLOW, **decision}), standing)


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (Standing.LOCAL, TaintLevel.TRUSTED),
        (Standing.INTERNAL, TaintLevel.INTERNAL),
        (Standing.MODEL, TaintLevel.INTERNAL),
        (Standing.REFERENCE, TaintLevel.REFERENCE),
        (Standing.LISTED, TaintLevel.UNTRUSTED),
        (Standing.OUTSIDE, TaintLevel.UNTRUSTED),
    ],
)
def test_an_answer_is_as_good_as_its_host(standing: Standing, expected: TaintLevel) -> None:
    assert level(a_response(body=b"text"), standing) is expected


@pytest.mark.parametrize("standing", Standing)
@pytest.mark.parametrize("scanner", ["response_scan", "core_response", "a2a_injection"])
def test_orders_make_any_answer_hostile(standing: Standing, scanner: str) -> None:
    found = a_finding(scanner=scanner)
    assert level(a_response(body=b"x"), standing, verdict=Verdict.WARN, findings=(found,)) is TaintLevel.HOSTILE
    assert level(a_response(body=b"x"), standing, verdict=Verdict.STRIP, findings=(found,)) is TaintLevel.HOSTILE


def test_other_findings_do_not() -> None:
    for found in (
        a_finding(scanner="body_dlp"),
        a_finding(scanner="media_policy"),
        a_finding(scanner="response_scan", category=Category.PROTECTIVE),
    ):
        assert level(a_response(body=b"x"), verdict=Verdict.WARN, findings=(found,)) is TaintLevel.UNTRUSTED


def test_what_was_refused_was_not_read() -> None:
    assert level(a_response(body=b"x"), verdict=Verdict.BLOCK, findings=(ORDER,)) is None
    assert level(a_response(body=b"x"), verdict=Verdict.BLOCK) is None


@pytest.mark.parametrize("kind", [Kind.PIECE, Kind.EVENT, Kind.MESSAGE])
def test_a_refused_part_comes_after_others_that_were_read(kind: Kind) -> None:
    part = an_action(kind=kind, direction=Direction.INBOUND, body=b"x")
    assert level(part, verdict=Verdict.BLOCK, findings=(ORDER,)) is TaintLevel.HOSTILE
    assert level(part, verdict=Verdict.BLOCK) is None
    assert level(part) is TaintLevel.UNTRUSTED


@pytest.mark.parametrize(
    "changes", [{"status": 204}, {"status": 304}, {"method": "HEAD"}, {"method": "head", "content_type": "text/html"}]
)
def test_an_answer_without_a_body_is_a_low_risk(changes: dict[str, Any]) -> None:
    assert level(a_response(**changes)) is TaintLevel.LOW_RISK
    assert level(a_response(**changes), Standing.REFERENCE) is TaintLevel.REFERENCE


def test_an_empty_looking_beginning_of_a_stream_is_none() -> None:
    assert level(a_response(partial=True)) is TaintLevel.UNTRUSTED
    assert level(a_response(content_type="text/event-stream")) is TaintLevel.UNTRUSTED


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (an_action(), None),
        (an_action(method="POST", body=b"x"), None),
        (an_action(kind=Kind.CONNECT), TaintLevel.UNTRUSTED),
        (an_action(kind=Kind.CONNECT, opened=True), None),
        (an_action(transport=Transport.WEBSOCKET), TaintLevel.UNTRUSTED),
        (an_action(kind=Kind.MESSAGE, transport=Transport.WEBSOCKET), None),
        (an_action(kind=Kind.CLIENT_HELLO), None),
    ],
)
def test_what_goes_out_reads_nothing_unless_it_opens_a_channel(action: Action, expected: TaintLevel | None) -> None:
    assert level(action) is expected
    assert level(action, verdict=Verdict.BLOCK) is None


def test_a_source_is_shown_without_its_query_escaped_and_short() -> None:
    assert shown_source(a_summary(url="https://e.com/a?token=1#x")) == "https://e.com/a"
    assert shown_source(a_summary(url="https://e.com/\x1b[2J")) == r"https://e.com/\x1b[2J"
    assert len(shown_source(a_summary(url="https://e.com/" + "a" * 500))) == MAX_SHOWN
