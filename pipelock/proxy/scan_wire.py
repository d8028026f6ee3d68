"""The scan API's JSON: what is asked, what is answered. No socket, no state.

Compatible with the reference's `POST /api/v1/scan`, field by field; ours on top are `rule`, `path` and `span` in a
finding, and `enforced`. No answer holds what was found: a `Finding` does not.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from pipelock import __version__
from pipelock.model import Decision, Finding, ScanKind, Severity, Verdict
from pipelock.proxy.unique_keys import has_unique_keys

__all__ = ["Asked", "WrongInputError", "answer", "decision_word", "failure", "new_scan_id", "read_request"]

FIELDS = {
    ScanKind.URL: ("url",),
    ScanKind.DLP: ("text",),
    ScanKind.PROMPT_INJECTION: ("content",),
    ScanKind.TOOL_CALL: ("tool_name", "arguments"),
}
"""The input fields of each kind."""
MAX_NAME = 256
"""Most characters of a request id, session, agent or tool name."""


class WrongInputError(ValueError):
    """What was sent is no question; `code` is the API's word for why."""

    def __init__(self, code: str, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind


class Asked(msgspec.Struct, frozen=True):
    """A sound question.

    Attributes:
        kind: What is asked.
        text: The URL; the text or content; or, as JSON, a tool's name and arguments.
        request_id: The caller's own id, given back.
        session: The caller's session key, possibly empty.
        agent: The caller's agent name, possibly empty.
        evidence: Whether encodings and offsets are wanted.
    """

    kind: ScanKind
    text: str
    request_id: str = ""
    session: str = ""
    agent: str = ""
    evidence: bool = False


class _Input(msgspec.Struct, forbid_unknown_fields=True):
    url: str | None = None
    text: str | None = None
    content: str | None = None
    tool_name: str | None = None
    arguments: Any = None


class _Context(msgspec.Struct, forbid_unknown_fields=True):
    request_id: str = ""
    session_id: str = ""
    agent_name: str = ""


class _Options(msgspec.Struct, forbid_unknown_fields=True):
    include_evidence: bool = False


class _Request(msgspec.Struct, forbid_unknown_fields=True):
    kind: str = ""
    input: _Input = msgspec.field(default_factory=_Input)
    context: _Context = msgspec.field(default_factory=_Context)
    options: _Options = msgspec.field(default_factory=_Options)


_decoder = msgspec.json.Decoder(_Request)


def read_request(body: bytes, limits: dict[str, int], kinds: frozenset[ScanKind]) -> Asked:
    """The question in `body`.

    Args:
        body: One JSON document and nothing after it.
        limits: Most bytes (UTF-8) of each input field; a field that is not named has none.
        kinds: What may be asked.

    Raises:
        WrongInputError: with the code `invalid_json`, `invalid_kind`, `kind_disabled` or `invalid_input`.
    """
    try:
        request = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise WrongInputError("invalid_json", f"the request does not have the right form: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise WrongInputError("invalid_json", "the body is not one JSON document") from error
    if not has_unique_keys(body):
        raise WrongInputError("invalid_json", "an object of the body has a key twice")
    try:
        kind = ScanKind(request.kind)
    except ValueError as error:
        known = ", ".join(ScanKind)
        raise WrongInputError("invalid_kind", f"kind must be one of {known}") from error
    if kind not in kinds:
        raise WrongInputError("kind_disabled", f"scan_api.kinds.{kind} is off", kind)
    text = _input(kind, request.input, limits)
    context = request.context
    for name in (context.request_id, context.session_id, context.agent_name, request.input.tool_name or ""):
        if len(name) > MAX_NAME:
            raise WrongInputError("invalid_input", f"a name may have at most {MAX_NAME} characters", kind)
    return Asked(
        kind=kind,
        text=text,
        request_id=context.request_id,
        session=context.session_id,
        agent=context.agent_name,
        evidence=request.options.include_evidence,
    )


def _input(kind: ScanKind, given: _Input, limits: dict[str, int]) -> str:
    wanted = FIELDS[kind]
    for name in given.__struct_fields__:
        if name not in wanted and getattr(given, name) is not None:
            raise WrongInputError("invalid_input", f"input.{name} does not belong to kind {kind}", kind)
    field = wanted[-1]
    value = getattr(given, field)
    if kind is ScanKind.TOOL_CALL:
        if not given.tool_name:
            raise WrongInputError("invalid_input", "input.tool_name is required", kind)
        if value is not None and not isinstance(value, dict):
            raise WrongInputError("invalid_input", "input.arguments must be an object", kind)
        text = msgspec.json.encode({"tool_name": given.tool_name, "arguments": value or {}}).decode()
    else:
        text = value or ""
        if not text:
            raise WrongInputError("invalid_input", f"input.{field} is required", kind)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:  # a lone surrogate, which JSON can spell and UTF-8 can't
        raise WrongInputError("invalid_input", f"input.{field} is not valid Unicode text", kind) from error
    if limits.get(field) and size > limits[field]:
        raise WrongInputError("invalid_input", f"input.{field} is larger than {limits[field]} bytes", kind)
    return text


def new_scan_id() -> str:
    """An id that nobody can guess, so that answers can be told apart in logs."""
    return f"scan-{secrets.token_hex(8)}"


def decision_word(decision: Decision) -> str:
    """`deny` for what is, or outside of audit mode would be, refused."""
    return "deny" if decision.verdict is Verdict.BLOCK or not decision.enforced else "allow"


def answer(asked: Asked, scan_id: str, decision: Decision, milliseconds: float) -> bytes:
    """The body of a completed scan."""
    body: dict[str, object] = {
        "status": "completed",
        "decision": decision_word(decision),
        "kind": asked.kind,
        "scan_id": scan_id,
    }
    if asked.request_id:
        body["request_id"] = asked.request_id
    body["duration_ms"] = round(milliseconds, 3)
    body["engine_version"] = __version__
    if not decision.enforced:
        body["enforced"] = False
    findings = [_finding(asked, finding) for finding in decision.findings]
    if not findings and decision.verdict is Verdict.BLOCK:
        findings = [_policy_finding(decision)]
    if findings:
        body["findings"] = findings
    return msgspec.json.encode(body)


def failure(code: str, message: str, scan_id: str, *, kind: str = "", retryable: bool = False) -> bytes:
    """The body of a scan that did not come to a verdict."""
    return msgspec.json.encode(
        {
            "status": "error",
            "kind": kind,
            "scan_id": scan_id,
            "engine_version": __version__,
            "errors": [{"code": code, "message": message, "retryable": retryable}],
        }
    )


_INJECTION = frozenset({"response_scan", "core_response"})
_SECRETS = frozenset({"dlp", "core_dlp", "body_dlp", "header_dlp"})


def _finding(asked: Asked, finding: Finding) -> dict[str, object]:
    scanner, rule_id, severity = _classified(asked.kind, finding)
    entry: dict[str, object] = {
        "scanner": scanner,
        "rule_id": rule_id,
        "severity": severity,
        "message": finding.message,
        "rule": finding.rule,
    }
    if finding.warns:
        entry["warns"] = True
    if finding.path:
        entry["path"] = finding.path
    if finding.span is not None:
        entry["span"] = {"start": finding.span.start, "end": finding.span.end}
    if asked.evidence:
        evidence: dict[str, object] = {"encoding": _encoding(finding)}
        if finding.span is not None:
            evidence["offsets"] = [finding.span.start, finding.span.end]
        entry["evidence"] = evidence
    return entry


def _classified(kind: ScanKind, finding: Finding) -> tuple[str, str, Severity]:
    """The API's scanner, rule id and severity of a finding."""
    label = finding.scanner
    if kind is ScanKind.URL:
        return "url", *_url_rule(label)
    if label in _INJECTION:
        return "prompt_injection", f"INJ-{finding.rule}", Severity.HIGH
    if label in _SECRETS:
        return "dlp", f"DLP-{finding.rule}", finding.severity
    return "dlp" if kind is ScanKind.DLP else kind.value, f"DLP-{finding.rule}", finding.severity


def _url_rule(label: str) -> tuple[str, Severity]:
    if label in _SECRETS:
        return "DLP-URL-Exfil", Severity.CRITICAL
    if "ssrf" in label:
        return "SSRF-Private-IP", Severity.HIGH
    return ("BLOCK-Domain" if label == "blocklist" else f"URL-{label}"), Severity.MEDIUM


def _policy_finding(decision: Decision) -> dict[str, object]:
    """A refusal that no scanner made."""
    rule = f"POLICY-{decision.rule}" if decision.rule else "POLICY-DENY"
    return {"scanner": "tool_policy", "rule_id": rule, "severity": Severity.HIGH, "message": decision.reason}


_ENCODINGS = ("base64", "hex", "base32", "url")


def _encoding(finding: Finding) -> str:
    """The reference's one word for how it was hidden: the innermost encoding it has a word for."""
    if finding.place.startswith("url:host"):
        return "subdomain"
    named = [step for step in finding.path if step in _ENCODINGS]
    return named[-1] if named else (finding.path[-1] if finding.path else "plaintext")
