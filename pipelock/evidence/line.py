"""A decision as one line of the audit log.

JSON Lines, compatible with the reference's log where they meet: `time` (RFC 3339, whole seconds, UTC), `level`,
`component`, `event`, `message`, then the context (`url` or `target`, `client_ip`, `request_id`, `agent`), then the
event's own fields. Ours on top: `verdict`, `policy`, `rule`, `outcome`, `note`, `answered_by`, `grant`,
`held_ms`, `findings`, `took_us`.
Every string that came from outside is escaped; no line holds a secret, because a `Finding` holds none.
"""

from __future__ import annotations

import time

import msgspec

from pipelock.model import (
    Action,
    ActionSummary,
    BlockReason,
    Category,
    Decision,
    Direction,
    Finding,
    Kind,
    Outcome,
    Record,
    TaintWeighed,
    Transport,
    TunnelClosed,
    Verdict,
    escape,
)

__all__ = ["MITRE", "AdminEntry", "admin_line", "audit_event", "audit_line", "error_line", "tunnel_line"]

Value = str | int | float | bool | list[str] | list[dict[str, "Value"]] | dict[str, int]

# MITRE ATT&CK technique per layer; left out of a line where the finding is a limit, a mismatch of settings or a
# failure of the world, which are nobody's attack.
MITRE = {
    "dlp": "T1048",
    "core_dlp": "T1048",
    "body_dlp": "T1048",
    "header_dlp": "T1048",
    "env_leak": "T1048",
    "cross_request": "T1048",
    "entropy": "T1048",
    "subdomain_entropy": "T1048",
    "length": "T1048",
    "databudget": "T1030",
    "ratelimit": "T1030",
    "ssrf": "T1046",
    "core_ssrf": "T1046",
    "crlf_injection": "T1190",
    "parser": "T1190",
    "path_traversal": "T1083",
    "blocklist": "T1071.001",
    "allowlist": "T1071.001",
    "redirect": "T1071.001",
    "scheme": "T1071",
    "response_scan": "T1059",
    "core_response": "T1059",
    "sni_mismatch": "T1090.004",
}

_encoder = msgspec.json.Encoder()
_clock_cache: tuple[int, str] = (0, "")


def _stamp(at: float) -> str:
    # Formatting a time costs more than the rest of a line, and a busy second has thousands of lines.
    global _clock_cache  # noqa: PLW0603 - a cache of a pure function of one integer
    second = int(at)
    cached, text = _clock_cache
    if cached != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
        _clock_cache = (second, text)
    return text


def audit_event(record: Record) -> tuple[str, str]:
    """The event name and level of a decision."""
    action, decision = record.action, record.decision
    if decision.code is BlockReason.KILL_SWITCH_ACTIVE:
        return "kill_switch_deny", "info"
    if decision.layer in _LAYER_EVENTS:
        return _LAYER_EVENTS[decision.layer], "info" if decision.verdict is Verdict.ALLOW else "warn"
    if action.kind is Kind.SCAN or (_comes_in(action) and action.kind is not Kind.MESSAGE and decision.findings):
        return ("scan" if action.kind is Kind.SCAN else "response_scan"), ("warn" if decision.findings else "info")
    if decision.verdict is Verdict.BLOCK:
        return _BLOCKED.get(action.kind, "sni_mismatch" if decision.layer == "sni_mismatch" else "blocked"), "warn"
    if decision.findings or decision.verdict is not Verdict.ALLOW:
        scanner = decision.findings[0].scanner if decision.findings else ""
        if action.kind is Kind.MESSAGE:
            scanner = "message"
        return _FINDING_EVENTS.get(scanner, "anomaly"), "warn"
    is_fetched = action.kind is Kind.RESPONSE and action.transport is Transport.FETCH
    return "allowed" if is_fetched else _PLAIN_EVENTS.get(action.kind, "allowed"), "info"


def _comes_in(action: ActionSummary) -> bool:
    return action.kind is Kind.RESPONSE or (action.kind.is_part and action.direction is Direction.INBOUND)


_LAYER_EVENTS = {"media_policy": "media_exposure", "taint": "taint_decision"}
_BLOCKED = {Kind.MESSAGE: "ws_blocked"}
_TUNNEL_KINDS = frozenset({Kind.CONNECT, Kind.CLIENT_HELLO, Kind.TUNNEL_DATA})
_PLAIN_EVENTS = {Kind.CONNECT: "tunnel_open", Kind.CLIENT_HELLO: "sni", Kind.RESPONSE: "forward_http"}
_FINDING_EVENTS = {
    "body_dlp": "body_dlp",
    "header_dlp": "header_dlp",
    "dlp": "dlp_warn",
    "core_dlp": "dlp_warn",
    "message": "ws_scan",
}


def audit_line(record: Record) -> bytes:
    """The line for one decision, line feed included."""
    action, decision = record.action, record.decision
    event, level = audit_event(record)
    entry: dict[str, Value] = {
        "time": _stamp(record.at),
        "level": level,
        "component": "pipelock",
        "event": event,
        "message": escape(decision.reason) if decision.reason else event,
        "request_id": escape(action.id),
        "verdict": decision.verdict,
        "transport": action.transport,
        "kind": action.kind,
    }
    _describe(entry, action)
    entry["duration_ms"] = round(record.took_us / 1000, 3)
    entry["policy"] = decision.policy
    if decision.layer or decision.findings or decision.suppressed or decision.outcome or decision.taint:
        _explain(entry, decision, event)
    return _encoder.encode(entry) + b"\n"


def _describe(entry: dict[str, Value], action: ActionSummary) -> None:
    if action.kind in _TUNNEL_KINDS:
        entry["target"] = escape(f"{action.host}:{action.port}")
    elif action.url or action.kind is not Kind.SCAN:
        entry["url"] = escape(action.url)
    if action.remote:
        entry["remote"] = escape(action.remote)
    if action.kind.is_part:
        inbound = action.direction is Direction.INBOUND
        entry["direction"] = "server_to_client" if inbound else "client_to_server"
    if action.method:
        entry["method"] = escape(action.method)
    if action.client:
        entry["client_ip"] = escape(action.client)
    if action.agent:
        entry["agent"] = escape(action.agent)
    if action.status:
        entry["status_code"] = action.status
    if action.kind is Kind.RESPONSE or action.size:
        entry["size_bytes"] = action.size


def _explain(entry: dict[str, Value], decision: Decision, event: str) -> None:
    optional = {
        "scanner": decision.layer,
        "mitre_technique": _technique(decision),
        "reason": escape(decision.reason),
        "block_reason": decision.code.value if decision.code is not None else "",
        "rule": escape(decision.rule),
        "note": escape(decision.note),
        "answered_by": escape(decision.by),
        "grant": decision.grant,
    }
    entry.update({key: value for key, value in optional.items() if value})
    if not decision.enforced:
        entry["enforced"] = False
    if decision.outcome is not None:
        entry["outcome"] = decision.outcome.value
        entry["held_ms"] = decision.held_ms
    if decision.taint is not None:
        entry.update(_tainted(decision.taint, decision.outcome))
    if decision.redactions:
        entry["redactions"] = dict(decision.redactions)
    if decision.findings:
        entry["findings"] = [_finding(finding) for finding in decision.findings]
        if event in ("response_scan", "body_dlp", "header_dlp"):
            entry["action"] = decision.verdict.value
            entry["match_count"] = len(decision.findings)
            entry["patterns"] = list(dict.fromkeys(escape(finding.rule) for finding in decision.findings))
    if decision.suppressed:
        told: list[dict[str, Value]] = [{**_finding(finding), "suppressed": True} for finding in decision.suppressed]
        entry["findings"] = [_finding(finding) for finding in decision.findings] + told


def _tainted(taint: TaintWeighed, outcome: Outcome | None) -> dict[str, Value]:
    """What taint rests on. Where a person has answered for this very action, that is the authority."""
    optional = {
        "source_url": escape(taint.source),
        "source_kind": taint.source_kind,
        "taint_override": escape(taint.override),
    }
    return {
        "session_taint_level": taint.level.value,
        "action_class": taint.action_class,
        "action_sensitivity": taint.sensitivity,
        "authority_kind": "user_exact" if outcome in _ALLOWED_BY_PERSON else taint.authority,
        "decision": taint.verdict.value,
        **{key: value for key, value in optional.items() if value},
    }


_ALLOWED_BY_PERSON = frozenset({Outcome.APPROVED, Outcome.REDACTED, Outcome.GRANTED})


def _technique(decision: Decision) -> str:
    deciding = decision.findings[0] if decision.findings else None
    if deciding is not None and deciding.scanner == decision.layer and deciding.category is not Category.THREAT:
        return ""
    return MITRE.get(decision.layer, "")


def _finding(finding: Finding) -> dict[str, Value]:
    entry: dict[str, Value] = {
        "scanner": finding.scanner,
        "rule": escape(finding.rule),
        "severity": finding.severity.value,
        "place": escape(finding.place),
    }
    if finding.path:
        entry["path"] = list(finding.path)
    return entry


class AdminEntry(msgspec.Struct, frozen=True):
    """One call of the admin API.

    `session` is the key of the session, or the id of the held request, that it was about; `left_out` counts refused
    calls before it that have no line of their own.
    """

    action: str
    client: str
    status: int
    session: str = ""
    result: str = ""
    left_out: int = 0


def admin_line(call: AdminEntry, at: float) -> bytes:
    """The line for a call of the admin API, refused ones included."""
    entry: dict[str, Value] = {
        "time": _stamp(at),
        "level": "info" if call.status < 400 else "warn",
        "component": "pipelock",
        "event": "session_admin",
        "message": f"admin API: {escape(call.action)}",
        "action": escape(call.action),
        "client_ip": escape(call.client),
        "status_code": call.status,
        "session_key": escape(call.session),
        "result": escape(call.result) or "ok",
    }
    if call.left_out:
        entry["left_out"] = call.left_out
    return _encoder.encode(entry) + b"\n"


def error_line(action: Action, why: str, at: float) -> bytes:
    """The line for an allowed action that could not be carried out."""
    entry: dict[str, Value] = {
        "time": _stamp(at),
        "level": "error",
        "component": "pipelock",
        "event": "error",
        "message": escape(why),
        "request_id": escape(action.id),
        "transport": action.transport.value,
        "method": escape(action.method),
        "target": escape(f"{action.host}:{action.port}"),
        "client_ip": escape(action.client),
        "error": escape(why),
    }
    return _encoder.encode(entry) + b"\n"


def tunnel_line(closed: TunnelClosed, at: float) -> bytes:
    """The line for the end of a tunnel or a WebSocket, which is no decision."""
    event = "ws_close" if closed.websocket else "tunnel_close"
    entry: dict[str, Value] = {
        "time": _stamp(at),
        "level": "info",
        "component": "pipelock",
        "event": event,
        "message": escape(closed.reason) or event,
        "request_id": escape(closed.action_id),
        "target": escape(closed.target),
        "total_bytes": closed.sent + closed.received,
        "duration_ms": closed.duration_ms,
    }
    way = ("client_to_server_bytes", "server_to_client_bytes") if closed.websocket else ("sent_bytes", "received_bytes")
    entry[way[0]], entry[way[1]] = closed.sent, closed.received
    if closed.websocket:
        entry["text_frames"], entry["binary_frames"] = closed.texts, closed.binaries
    return _encoder.encode(entry) + b"\n"
