"""Refusals: the form the client asked for, codes in the headers, nothing that could act on who reads them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import BlockReason, Decision, Finding, Severity, Transport, Verdict
from pipelock.proxy._accept import preferred_type
from pipelock.proxy.http1 import response_head
from pipelock.proxy.pages import fetch_body, refusal, refusal_headers


def block(**changes: object) -> Decision:
    values: dict[str, object] = {
        "action_id": "r-1",
        "verdict": Verdict.BLOCK,
        "reason": "the body holds an AWS Access ID",
        "layer": "body_dlp",
        "code": BlockReason.DLP_MATCH,
        "status": 403,
        "findings": (Finding("body_dlp", "AWS Access ID", Severity.CRITICAL, "an AWS Access ID"),),
        "hint": "allow it with a suppress rule",
        **changes,
    }
    return Decision(**values)  # type: ignore[arg-type]


def test_json_is_what_programs_get() -> None:
    status, headers, body = refusal(block(), "*/*", transport=Transport.FORWARD, explain=False)
    assert status == 403
    assert json.loads(body) == {
        "error": "blocked by pipelock",
        "blocked": True,
        "block_reason": "dlp_match",
        "reason": "the body holds an AWS Access ID",
        "layer": "body_dlp",
        "severity": "critical",
        "retry": "none",
        "request_id": "r-1",
    }
    assert dict(headers) == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-pipelock-block-reason": "dlp_match",
        "x-pipelock-block-reason-version": "1",
        "x-pipelock-block-reason-severity": "critical",
        "x-pipelock-block-reason-retry": "none",
        "x-pipelock-block-reason-layer": "body_dlp",
    }


@pytest.mark.parametrize(
    ("comes_in", "error", "direction"),
    [(False, "blocked by pipelock", "request"), (True, "response blocked by pipelock", "response")],
)
def test_a_reverse_proxy_says_which_way_it_was_going(error: str, direction: str, *, comes_in: bool) -> None:
    _, _, body = refusal(block(), "*/*", transport=Transport.REVERSE, explain=False, comes_in=comes_in)
    told = json.loads(body)
    assert (told["error"], told["direction"]) == (error, direction)
    killed = block(code=BlockReason.KILL_SWITCH_ACTIVE)
    _, _, body = refusal(killed, "*/*", transport=Transport.REVERSE, explain=False, comes_in=comes_in)
    assert json.loads(body)["error"] == "kill_switch_active"


def test_hint_and_note() -> None:
    decision = block(note="ask me first")
    _, headers, body = refusal(decision, "", transport=Transport.FORWARD, explain=True)
    assert json.loads(body)["hint"] == "allow it with a suppress rule"
    assert json.loads(body)["note"] == "ask me first"
    assert dict(headers)["x-pipelock-hint"] == "allow it with a suppress rule"
    _, headers, body = refusal(decision, "", transport=Transport.FORWARD, explain=False)
    assert "hint" not in json.loads(body)
    assert json.loads(body)["note"] == "ask me first"
    assert "x-pipelock-hint" not in dict(headers)


def test_a_hint_that_names_the_rule_stays_out_of_the_headers() -> None:
    decision = block(hint="suppress 'aws access id' for this host")
    _, headers, body = refusal(decision, "", transport=Transport.FORWARD, explain=True)
    assert "x-pipelock-hint" not in dict(headers)
    assert "aws access id" in json.loads(body)["hint"]


def test_html_is_escaped_twice_over() -> None:
    hostile = "<script>alert(1)</script>&\"'\x1b[2J\u202e"
    decision = block(reason=hostile, note=hostile, hint=hostile, action_id=hostile)
    _, headers, body = refusal(decision, "text/html", transport=Transport.FORWARD, explain=True)
    assert dict(headers)["content-type"] == "text/html; charset=utf-8"
    assert dict(headers)["content-security-policy"].startswith("default-src 'none'")
    text = body.decode()
    assert text.startswith("<!doctype html>")
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#x27;\\x1b[2J\\u202e") == 4


def test_text_names_the_road() -> None:
    _, headers, body = refusal(block(), "text/plain", transport=Transport.CONNECT, explain=False)
    assert dict(headers)["content-type"] == "text/plain; charset=utf-8"
    assert body == b"CONNECT blocked: the body holds an AWS Access ID\n(dlp_match, retry: none, request r-1)\n"
    _, _, body = refusal(block(note="no"), "text/plain", transport=Transport.FORWARD, explain=True)
    assert body.splitlines() == [
        b"blocked: the body holds an AWS Access ID",
        b"hint: allow it with a suppress rule",
        b"note: no",
        b"(dlp_match, retry: none, request r-1)",
    ]


def test_the_kill_switch_says_so() -> None:
    decision = block(
        code=BlockReason.KILL_SWITCH_ACTIVE,
        status=0,
        reason="stopped by the operator",
        findings=(),
        layer="kill_switch",
    )
    status, headers, body = refusal(decision, "", transport=Transport.FETCH, explain=False)
    assert status == 503
    seen = json.loads(body)
    assert (seen["error"], seen["message"], seen["retry"]) == (
        "kill_switch_active",
        "stopped by the operator",
        "transient",
    )
    assert dict(headers)["x-pipelock-block-reason"] == "kill_switch_active"
    _, _, body = refusal(decision, "text/plain", transport=Transport.FORWARD, explain=False)
    assert body.startswith(b"blocked: kill_switch_active\nstopped by the operator\n")


def test_a_decision_without_a_code_still_refuses() -> None:
    status, headers, body = refusal(
        block(code=None, status=0, reason=""), "", transport=Transport.FORWARD, explain=False
    )
    assert status == 403
    assert dict(headers)["x-pipelock-block-reason"] == "parse_error"
    assert json.loads(body)["reason"] == "refused by policy"


@pytest.mark.parametrize("layer", ["", "x" * 33, "a-b", "a b", "é", "a\r\nb"])
def test_a_layer_that_is_no_label_is_left_out(layer: str) -> None:
    assert "x-pipelock-block-reason-layer" not in dict(refusal_headers(block(layer=layer), explain=False))


@given(st.text(max_size=400), st.sampled_from(list(BlockReason)))
def test_whatever_a_decision_says_the_answer_can_be_sent(text: str, code: BlockReason) -> None:
    decision = block(reason=text, hint=text, note=text, layer=text, code=code, action_id=text)
    for accept in ("", "text/html", "text/plain"):
        status, headers, body = refusal(decision, accept, transport=Transport.FORWARD, explain=True)
        assert response_head(status, "", headers).isascii()
        assert b"\x1b" not in body
        body.decode()


ACCEPTS = [
    ("", "json"),
    ("*/*", "json"),
    ("application/json", "json"),
    ("application/*", "json"),
    ("text/html", "html"),
    ("TEXT/HTML", "html"),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "html"),
    ("application/json, text/plain, */*", "json"),
    ("text/plain", "text"),
    ("text/*", "text"),
    ("text/plain;q=0.5, text/html", "html"),
    ("text/html;q=0.5, application/json;q=0.4", "html"),
    ("text/html;q=0.4, application/json;q=0.5", "json"),
    ("text/html;level=1;q=0.9, */*;q=0.1", "html"),
    ("text/html;q=0, */*", "json"),
    ("application/json;q=0, */*", "text"),
    ("text/html;q=2", "json"),
    ("text/html;q=nan", "json"),
    ("text/html;q=1e3", "json"),
    ("text/html;q=0.1234", "json"),
    ("image/png", "json"),
    (";;;,,,;q=", "json"),
    ("a/b," * 40 + "text/html", "json"),
]


@pytest.mark.parametrize(("accept", "expected"), ACCEPTS)
def test_accept(accept: str, expected: str) -> None:
    assert preferred_type(accept) == expected


@given(st.text(max_size=200) | st.text("text/html;q=0.1,*applicationjson ", max_size=200))
def test_any_accept_gets_an_answer(accept: str) -> None:
    assert preferred_type(accept) in {"json", "text", "html"}


def test_fetch_always_says_what_and_whether() -> None:
    assert json.loads(fetch_body(url="http://a/")) == {"url": "http://a/", "blocked": False}


def test_fetch_answers_with_everything_known() -> None:
    body = fetch_body(
        url="http://a/\x1b",
        agent="me",
        status_code=200,
        content_type="text/html",
        title="T",
        content="line\nline",
        hint="h",
        error="e",
        blocked=True,
        block_reason="b",
    )
    assert json.loads(body) == {
        "url": "http://a/\\x1b",
        "agent": "me",
        "status_code": 200,
        "content_type": "text/html",
        "title": "T",
        "content": "line\nline",
        "error": "e",
        "blocked": True,
        "block_reason": "b",
        "hint": "h",
    }
