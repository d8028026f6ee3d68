from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.evidence.text import describe, text_line
from pipelock.model import Decision, Kind, Verdict, escape
from tests.factories import a_record, a_summary


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "GET http://example.com/path"),
        ({"method": ""}, "- http://example.com/path"),
        ({"kind": Kind.CONNECT}, "CONNECT example.com:80"),
        ({"kind": Kind.CLIENT_HELLO}, "TLS example.com:80"),
        ({"kind": Kind.TUNNEL_DATA}, "TUNNEL example.com:80"),
        ({"kind": Kind.RESPONSE, "status": 200}, "200 http://example.com/path"),
        ({"kind": Kind.RESPONSE}, "--- http://example.com/path"),
        ({"method": "GET\x1b", "url": "a\nb"}, "GET\\x1b a\\x0ab"),
    ],
)
def test_what_was_judged(changes: dict, text: str) -> None:
    assert describe(a_record(action=a_summary(**changes))) == text


@pytest.mark.parametrize("verdict", list(Verdict))
def test_a_line_has_a_mark_and_the_word(verdict: Verdict) -> None:
    decision = Decision(action_id="t-1", verdict=verdict, reason="why", layer="dlp")
    text = text_line(a_record(decision=decision)).decode()
    assert text[8:11].strip() in "✓!~?>✗"
    assert f" {verdict.value}" in text
    assert text.endswith(" GET http://example.com/path — why [dlp]\n")


def test_a_plain_allow_has_no_reason() -> None:
    assert text_line(a_record()).decode().endswith("allow  GET http://example.com/path\n")


@given(st.text(st.characters(exclude_categories=()), max_size=40), st.sampled_from(Kind))
def test_no_text_moves_the_cursor(text: str, kind: Kind) -> None:
    action = a_summary(kind=kind, url=text, host=text, method=text)
    line = text_line(a_record(action=action, decision=Decision(action_id="t", verdict=Verdict.BLOCK, reason=text)))
    shown = line.decode()
    assert shown[-1] == "\n"
    assert escape(shown[:-1]) == shown[:-1]
