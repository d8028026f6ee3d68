from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.evidence.line import MITRE, audit_event, audit_line, error_line, tunnel_line
from pipelock.model import (
    BlockReason,
    Category,
    Decision,
    Kind,
    Outcome,
    Record,
    TaintLevel,
    TaintWeighed,
    Transport,
    TunnelClosed,
    Verdict,
)
from tests.factories import a_finding, a_record, a_summary, an_action

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)  # surrogates too


def record(action: dict[str, Any] | None = None, **decision: Any) -> Record:
    base = {"action_id": "t-1", "verdict": Verdict.ALLOW, "policy": "p1"}
    return a_record(action=a_summary(**(action or {})), decision=Decision(**{**base, **decision}))


def line(written: Record) -> dict[str, Any]:
    data = audit_line(written)
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    return json.loads(data)


BLOCK = {"verdict": Verdict.BLOCK, "code": BlockReason.DLP_MATCH, "layer": "dlp"}
EVENTS = [
    ({}, {}, "allowed", "info"),
    ({"transport": Transport.FETCH}, {}, "allowed", "info"),
    ({"kind": Kind.CONNECT}, {}, "tunnel_open", "info"),
    ({"kind": Kind.CLIENT_HELLO}, {}, "sni", "info"),
    ({"kind": Kind.TUNNEL_DATA}, {}, "allowed", "info"),
    ({"kind": Kind.RESPONSE}, {}, "forward_http", "info"),
    ({"kind": Kind.RESPONSE, "transport": Transport.FETCH}, {}, "allowed", "info"),
    ({}, BLOCK, "blocked", "warn"),
    ({"kind": Kind.RESPONSE}, BLOCK, "blocked", "warn"),
    ({"kind": Kind.CLIENT_HELLO}, {**BLOCK, "layer": "sni_mismatch"}, "sni_mismatch", "warn"),
    ({}, {**BLOCK, "code": BlockReason.KILL_SWITCH_ACTIVE}, "kill_switch_deny", "info"),
    ({"kind": Kind.TUNNEL_DATA}, {**BLOCK, "code": BlockReason.KILL_SWITCH_ACTIVE}, "kill_switch_deny", "info"),
    ({"kind": Kind.RESPONSE}, {**BLOCK, "findings": (a_finding(),)}, "response_scan", "warn"),
    ({"kind": Kind.RESPONSE}, {"verdict": Verdict.STRIP, "findings": (a_finding(),)}, "response_scan", "warn"),
    ({}, {"verdict": Verdict.WARN, "findings": (a_finding(scanner="body_dlp"),)}, "body_dlp", "warn"),
    ({}, {"verdict": Verdict.WARN, "findings": (a_finding(scanner="header_dlp"),)}, "header_dlp", "warn"),
    ({}, {"verdict": Verdict.WARN, "findings": (a_finding(scanner="dlp"),)}, "dlp_warn", "warn"),
    ({}, {"verdict": Verdict.WARN, "findings": (a_finding(scanner="entropy"),)}, "anomaly", "warn"),
    ({}, {"verdict": Verdict.WARN, "layer": "egress_rules", "enforced": False}, "anomaly", "warn"),
    ({}, {"layer": "egress_rules", "outcome": Outcome.APPROVED}, "allowed", "info"),
    ({}, {**BLOCK, "layer": "taint"}, "taint_decision", "warn"),
    ({}, {"verdict": Verdict.WARN, "layer": "taint", "findings": (a_finding(),)}, "taint_decision", "warn"),
    ({}, {"layer": "taint", "outcome": Outcome.APPROVED}, "taint_decision", "info"),
]


@pytest.mark.parametrize(("action", "decision", "event", "level"), EVENTS)
def test_event_names(action: dict[str, Any], decision: dict[str, Any], event: str, level: str) -> None:
    written = record(action, **decision)
    assert audit_event(written) == (event, level)
    entry = line(written)
    assert (entry["event"], entry["level"], entry["component"]) == (event, level, "pipelock")


def test_a_plain_line_has_these_fields_in_this_order() -> None:
    assert list(line(record()).items()) == [
        ("time", "2023-11-14T22:13:20Z"),
        ("level", "info"),
        ("component", "pipelock"),
        ("event", "allowed"),
        ("message", "allowed"),
        ("request_id", "t-1"),
        ("verdict", "allow"),
        ("transport", "forward"),
        ("kind", "request"),
        ("url", "http://example.com/path"),
        ("method", "GET"),
        ("client_ip", "10.1.1.1"),
        ("duration_ms", 1.5),
        ("policy", "p1"),
    ]


def test_what_git_says_that_it_wants_is_kept() -> None:
    assert line(record({"remote": "git push git@h:o/r\x1b"}))["remote"] == "git push git@h:o/r\\x1b"


@pytest.mark.parametrize("kind", list(Kind))
def test_each_line_names_one_of_url_and_target(kind: Kind) -> None:
    entry = line(record({"kind": kind}))
    assert ("url" in entry) is (kind in (Kind.REQUEST, Kind.RESPONSE, Kind.SCAN) or kind.is_part)
    assert entry.get("target", "example.com:80") == "example.com:80"
    assert ("url" in entry) is not ("target" in entry)


def test_a_refusal_explains_itself() -> None:
    finding = a_finding(scanner="body_dlp", rule="AWS Access ID", place="body", path=("base64",))
    entry = line(
        record(
            {"method": "POST", "agent": "ann", "size": 12},
            verdict=Verdict.BLOCK,
            code=BlockReason.DLP_MATCH,
            layer="body_dlp",
            reason="AWS Access ID found in body",
            findings=(finding, a_finding(rule="Other", place="body"), finding),
            outcome=Outcome.DENIED,
            note="no",
            by="dashboard (pid 7)",
            grant="g1",
            rule="posts",
            held_ms=250,
        )
    )
    assert entry["agent"] == "ann"
    assert entry["size_bytes"] == 12
    assert entry["message"] == entry["reason"] == "AWS Access ID found in body"
    assert (entry["scanner"], entry["mitre_technique"], entry["block_reason"]) == ("body_dlp", "T1048", "dlp_match")
    assert (entry["rule"], entry["note"], entry["outcome"], entry["held_ms"]) == ("posts", "no", "denied", 250)
    assert (entry["answered_by"], entry["grant"]) == ("dashboard (pid 7)", "g1")
    assert entry["findings"][0] == {
        "scanner": "body_dlp", "rule": "AWS Access ID", "severity": "critical", "place": "body", "path": ["base64"],
    }  # fmt: skip
    assert "enforced" not in entry


def test_what_is_suppressed_is_told_beside_what_is_not() -> None:
    written = line(record(findings=(a_finding(),), suppressed=(a_finding(rule="JWT Token", place="body"),)))
    assert [(one["rule"], one.get("suppressed")) for one in written["findings"]] == [
        ("AWS Access ID", None),
        ("JWT Token", True),
    ]
    alone = record(suppressed=(a_finding(),))
    assert audit_event(alone) == ("allowed", "info")
    assert line(alone)["findings"][0]["suppressed"] is True


def test_taint_says_what_it_rests_on_and_whose_word_it_is() -> None:
    told = TaintWeighed(
        level=TaintLevel.UNTRUSTED,
        action_class="publish",
        sensitivity="normal",
        authority="user_broad",
        verdict=Verdict.ASK,
        source="https://page.example/a",
        source_kind="response",
    )
    refused = line(record(verdict=Verdict.BLOCK, layer="taint", reason="held", taint=told, outcome=Outcome.EXPIRED))
    assert {
        key: refused[key] for key in ("session_taint_level", "action_class", "action_sensitivity", "authority_kind")
    } == {
        "session_taint_level": "external_untrusted",
        "action_class": "publish",
        "action_sensitivity": "normal",
        "authority_kind": "user_broad",
    }
    assert (refused["decision"], refused["source_url"], refused["source_kind"]) == (
        "ask", "https://page.example/a", "response"
    )  # fmt: skip
    assert "taint_override" not in refused
    assert line(record(layer="taint", taint=told, outcome=Outcome.GRANTED))["authority_kind"] == "user_exact"
    # An override that let something through is told with an ordinary line.
    passed = msgspec.structs.replace(
        told, verdict=Verdict.ALLOW, override="publish by ann", authority="operator_override"
    )
    entry = line(record(taint=passed))
    assert (entry["event"], entry["decision"], entry["taint_override"]) == ("allowed", "allow", "publish by ann")


def test_a_scan_of_a_response_counts_what_it_found() -> None:
    finding = a_finding(scanner="response_scan", rule="Order", place="body")
    entry = line(
        record(
            {"kind": Kind.RESPONSE, "status": 200, "size": 0},
            verdict=Verdict.WARN, layer="response_scan", findings=(finding, finding), enforced=False,
        )
    )  # fmt: skip
    assert (entry["action"], entry["match_count"], entry["patterns"]) == ("warn", 2, ["Order"])
    assert (entry["status_code"], entry["size_bytes"], entry["enforced"]) == (200, 0, False)


@pytest.mark.parametrize("layer", sorted(MITRE))
@pytest.mark.parametrize("category", list(Category))
def test_only_threats_have_a_technique(layer: str, category: Category) -> None:
    finding = a_finding(scanner=layer, category=category)
    entry = line(record(verdict=Verdict.BLOCK, layer=layer, findings=(finding,)))
    assert entry.get("mitre_technique") == (MITRE[layer] if category is Category.THREAT else None)


def test_a_layer_without_a_technique_or_without_findings() -> None:
    assert "mitre_technique" not in line(record(verdict=Verdict.BLOCK, layer="kill_switch"))
    assert line(record(verdict=Verdict.BLOCK, layer="sni_mismatch"))["mitre_technique"] == "T1090.004"


def tame(data: bytes) -> bool:
    text = data.decode()
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return text.endswith("\n") and not any(unicodedata.category(char) in hidden for char in text[:-1])


@given(ANYTHING, ANYTHING, st.sampled_from(Kind), st.sampled_from(Verdict))
def test_no_text_from_outside_breaks_a_line_or_hides_in_it(one: str, two: str, kind: Kind, verdict: Verdict) -> None:
    finding = a_finding(rule=one, place=two, path=("base64",))
    written = record(
        {"kind": kind, "url": one, "host": two, "method": one, "agent": two, "client": one, "id": two},
        verdict=verdict, reason=one, note=two, rule=one, layer="dlp", findings=(finding,), outcome=Outcome.DENIED,
    )  # fmt: skip
    assert tame(audit_line(written))
    action = an_action(host=one, method=two, client=one, id=two)
    assert tame(error_line(action, two, 0.0))
    assert tame(tunnel_line(TunnelClosed(one, two, 1, 2, 3, one), 0.0))


@given(st.floats(0, 4_000_000_000))
def test_the_time_is_utc_in_whole_seconds(at: float) -> None:
    entry = line(a_record(at=at))
    assert datetime.fromisoformat(entry["time"]) == datetime.fromtimestamp(int(at), UTC)
    assert len(entry["time"]) == 20


def test_the_end_of_a_tunnel() -> None:
    entry = json.loads(tunnel_line(TunnelClosed("t-1", "h:443", 10, 20, 3000, "idle"), 0.0))
    assert entry == {
        "time": "1970-01-01T00:00:00Z", "level": "info", "component": "pipelock", "event": "tunnel_close",
        "message": "idle", "request_id": "t-1", "target": "h:443", "total_bytes": 30, "sent_bytes": 10,
        "received_bytes": 20, "duration_ms": 3000,
    }  # fmt: skip
    assert json.loads(tunnel_line(TunnelClosed("t-1", "h:443", 1, 2, 3), 0.0))["message"] == "tunnel_close"


def test_the_end_of_a_websocket() -> None:
    closed = TunnelClosed("t-1", "h:443", 10, 20, 3000, websocket=True, texts=5, binaries=6)
    assert json.loads(tunnel_line(closed, 0.0)) == {
        "time": "1970-01-01T00:00:00Z", "level": "info", "component": "pipelock", "event": "ws_close",
        "message": "ws_close", "request_id": "t-1", "target": "h:443", "total_bytes": 30, "duration_ms": 3000,
        "client_to_server_bytes": 10, "server_to_client_bytes": 20, "text_frames": 5, "binary_frames": 6,
    }  # fmt: skip


def test_a_failure_that_was_no_refusal() -> None:
    entry = json.loads(error_line(an_action(), "connection refused", 0.0))
    assert (entry["event"], entry["level"], entry["error"], entry["target"]) == (
        "error", "error", "connection refused", "example.com:80",
    )  # fmt: skip
