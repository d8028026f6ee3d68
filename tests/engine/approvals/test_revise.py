from __future__ import annotations

import pytest
from msgspec.structs import replace

from pipelock.engine.approvals.revise import is_editable, is_redactable, is_same_question, redacted_body, text_of
from pipelock.model import MAX_EDIT, Action, Decision, Kind, Span
from tests.factories import a_decision, a_finding, a_response, an_action

KEY = a_finding(scanner="body_dlp", place="body", span=Span(2, 5))


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (an_action(body=b'{"a": 1}'), True),
        (a_response(body="é".encode()), True),
        (an_action(body=b""), False),
        (an_action(body=b"\xff"), False),
        (an_action(body=b"a\0b"), False),
        (an_action(body=b"x" * (MAX_EDIT + 1)), False),
        (an_action(body=b"x", partial=True), False),
        (an_action(body=b"x", seen=1), False),
        (an_action(body=b"x", kind=Kind.MESSAGE), False),
    ],
)
def test_which_texts_can_be_changed(action: Action, expected: bool) -> None:
    assert is_editable(action, a_decision()) is expected


def test_what_would_go_on_is_what_is_changed() -> None:
    assert text_of(an_action(body=b"key"), a_decision(body=b"<placeholder>")) == b"<placeholder>"


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (a_decision(findings=(KEY,)), b"a [removed by pipelock: AWS Access ID] b"),
        (a_decision(findings=(KEY, replace(KEY, span=None))), b"a [removed by pipelock: AWS Access ID] b"),
        (a_decision(findings=(KEY, replace(KEY, span=None, rule="Other"))), None),
        (a_decision(findings=(KEY, a_finding(place="header:x"))), None),
        (a_decision(findings=(replace(KEY, span=Span(2, 8)),)), None),
        (a_decision(findings=(a_finding(place="body", span=None),)), None),
        (a_decision(), None),
    ],
)
def test_what_was_found_is_taken_out_or_nothing_is(decision: Decision, expected: bytes | None) -> None:
    action = an_action(body=b"a KEY b")
    assert redacted_body(action, decision) == expected
    assert is_redactable(action, decision) is (expected is not None)
    assert redacted_body(replace(action, partial=True), decision) is None
    assert not is_redactable(replace(action, partial=True), decision)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({}, True),
        ({"rule": "other"}, False),
        ({"layer": "taint"}, False),
        ({"findings": (KEY,)}, False),
    ],
)
def test_only_the_same_question_was_answered(after: dict, expected: bool) -> None:
    before = a_decision(layer="egress_rules", findings=(KEY,))
    assert is_same_question(before, a_decision(**{"layer": "egress_rules", **after})) is expected
