"""The scan API's JSON, without a socket."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import Decision, Finding, ScanKind, Severity, Span, Verdict
from pipelock.proxy.scan_wire import MAX_NAME, Asked, WrongInputError, answer, decision_word, failure, read_request
from tests.factories import a_finding

ALL = frozenset(ScanKind)
LIMITS = {"url": 20, "text": 10, "content": 10, "arguments": 60}


def asked(**changes: Any) -> Asked:
    return read_request(json.dumps(changes).encode(), LIMITS, ALL)


@pytest.mark.parametrize(
    ("kind", "given_input", "text"),
    [
        ("url", {"url": "http://x.test/"}, "http://x.test/"),
        ("dlp", {"text": "héllo"}, "héllo"),
        ("prompt_injection", {"content": "hello"}, "hello"),
        ("tool_call", {"tool_name": "t", "arguments": {"a": 1}}, '{"tool_name":"t","arguments":{"a":1}}'),
        ("tool_call", {"tool_name": "t"}, '{"tool_name":"t","arguments":{}}'),
    ],
)
def test_each_kind_has_its_field(kind: str, given_input: dict[str, Any], text: str) -> None:
    question = asked(kind=kind, input=given_input, context={"request_id": "r"}, options={"include_evidence": True})
    assert (question.kind, question.text) == (kind, text)
    assert question.request_id == "r"
    assert question.evidence


@pytest.mark.parametrize(
    ("request_", "code", "kind"),
    [
        ({"kind": "smell", "input": {}}, "invalid_kind", ""),
        ({}, "invalid_kind", ""),
        ({"kind": "dlp", "input": {"text": "x"}, "more": 1}, "invalid_json", ""),
        ({"kind": "dlp", "input": {"text": "x", "more": 1}}, "invalid_json", ""),
        ({"kind": "dlp", "input": {"text": 1}}, "invalid_json", ""),
        ({"kind": "dlp", "input": {}}, "invalid_input", "dlp"),
        ({"kind": "dlp", "input": {"text": ""}}, "invalid_input", "dlp"),
        ({"kind": "dlp", "input": {"text": "x", "url": "http://x/"}}, "invalid_input", "dlp"),
        ({"kind": "dlp", "input": {"text": "12345678901"}}, "invalid_input", "dlp"),
        ({"kind": "dlp", "input": {"text": "ééééééé"}}, "invalid_input", "dlp"),
        ({"kind": "tool_call", "input": {"arguments": {}}}, "invalid_input", "tool_call"),
        ({"kind": "tool_call", "input": {"tool_name": "t", "arguments": [1]}}, "invalid_input", "tool_call"),
        ({"kind": "dlp", "input": {"text": "x"}, "context": {"request_id": "r" * 257}}, "invalid_input", "dlp"),
        ({"kind": "tool_call", "input": {"tool_name": "t" * (MAX_NAME + 1)}}, "invalid_input", "tool_call"),
    ],
)
def test_what_is_no_question_is_refused_with_the_apis_word(request_: dict[str, Any], code: str, kind: str) -> None:
    with pytest.raises(WrongInputError) as caught:
        asked(**request_)
    assert (caught.value.code, caught.value.kind) == (code, kind)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"kind":"dlp"} {}', b"\xff", b"[" * 100_000])
def test_what_is_not_one_json_document_is_refused(body: bytes) -> None:
    with pytest.raises(WrongInputError) as caught:
        read_request(body, LIMITS, ALL)
    assert caught.value.code == "invalid_json"


@pytest.mark.parametrize("body", [
    b'{"kind": "dlp", "input": {"text": "x", "text": "y"}}',
    b'{"kind": "dlp", "input": {"text": "x", "\\u0074ext": "y"}}',
    b'{"kind": "dlp", "kind": "dlp", "input": {"text": "x"}}',
    b'{"kind": "tool_call", "input": {"tool_name": "t", "arguments": {"a": [{"b": 1, "b": 2}]}}}',
])  # fmt: skip
def test_a_key_twice_is_refused(body: bytes) -> None:
    with pytest.raises(WrongInputError, match="twice") as caught:
        read_request(body, LIMITS, ALL)
    assert caught.value.code == "invalid_json"


def test_a_kind_that_is_off_is_refused() -> None:
    with pytest.raises(WrongInputError) as caught:
        read_request(b'{"kind":"url","input":{"url":"http://x/"}}', LIMITS, frozenset({ScanKind.DLP}))
    assert caught.value.code == "kind_disabled"


@given(st.binary(max_size=200))
def test_anything_is_a_question_or_refused(body: bytes) -> None:
    with contextlib.suppress(WrongInputError):
        assert read_request(body, LIMITS, ALL).text


def findings(kind: ScanKind, *found: Finding, **decision: Any) -> list[dict[str, Any]]:
    settled = Decision(action_id="a", verdict=Verdict.BLOCK, policy="p", findings=found, **decision)
    body = json.loads(answer(Asked(kind, "x", evidence=True), "scan-1", settled, 1.5))
    assert (body["decision"], body["kind"], body["scan_id"], body["duration_ms"]) == ("deny", kind, "scan-1", 1.5)
    return list(body["findings"])


@pytest.mark.parametrize(
    ("kind", "scanner", "rule", "named"),
    [
        (ScanKind.URL, "core_dlp", "AWS Access ID", ("url", "DLP-URL-Exfil", "critical")),
        (ScanKind.URL, "ssrf", "Private Address", ("url", "SSRF-Private-IP", "high")),
        (ScanKind.URL, "ssrf_metadata", "Cloud Metadata", ("url", "SSRF-Private-IP", "high")),
        (ScanKind.URL, "blocklist", "blocklist", ("url", "BLOCK-Domain", "medium")),
        (ScanKind.URL, "subdomain_entropy", "x", ("url", "URL-subdomain_entropy", "medium")),
        (ScanKind.DLP, "dlp", "Stripe Key", ("dlp", "DLP-Stripe Key", "low")),
        (
            ScanKind.PROMPT_INJECTION,
            "response_scan",
            "Role Override",
            ("prompt_injection", "INJ-Role Override", "high"),
        ),
        (ScanKind.TOOL_CALL, "core_response", "System Override", ("prompt_injection", "INJ-System Override", "high")),
    ],
)
def test_a_finding_names_class_rule_and_severity(
    kind: ScanKind, scanner: str, rule: str, named: tuple[str, str, str]
) -> None:
    found = findings(kind, a_finding(scanner=scanner, rule=rule, severity=Severity.LOW))[0]
    assert (found["scanner"], found["rule_id"], found["severity"]) == named
    assert found["rule"] == rule


def test_a_finding_tells_where_and_how_it_was_hidden() -> None:
    found = findings(ScanKind.DLP, a_finding(span=Span(3, 9), path=("base64", "url", "normalised")))[0]
    assert found["span"] == {"start": 3, "end": 9}
    assert found["path"] == ["base64", "url", "normalised"]
    assert found["evidence"] == {"encoding": "url", "offsets": [3, 9]}
    assert findings(ScanKind.DLP, a_finding())[0]["evidence"] == {"encoding": "plaintext"}


def test_a_refusal_without_a_finding_is_told_as_policy() -> None:
    assert findings(ScanKind.URL, rule="no uploads", reason="because")[0]["rule_id"] == "POLICY-no uploads"
    assert findings(ScanKind.URL, reason="because")[0]["rule_id"] == "POLICY-DENY"


@pytest.mark.parametrize(
    ("verdict", "enforced", "word"),
    [
        (Verdict.ALLOW, True, "allow"),
        (Verdict.WARN, True, "allow"),
        (Verdict.BLOCK, True, "deny"),
        (Verdict.WARN, False, "deny"),
    ],
)
def test_audit_mode_does_not_change_the_answer(verdict: Verdict, enforced: bool, word: str) -> None:
    assert decision_word(Decision(action_id="a", verdict=verdict, policy="p", enforced=enforced)) == word


def test_a_failure_has_no_decision() -> None:
    body = json.loads(failure("rate_limited", "too many", "scan-1", retryable=True))
    assert "decision" not in body
    assert body["status"] == "error"
    assert body["errors"] == [{"code": "rate_limited", "message": "too many", "retryable": True}]
