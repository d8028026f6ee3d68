"""What a client gets to read when it is refused: JSON, HTML or one line of text, and the block-reason headers.

A refusal is shown to an agent that may be under somebody else's influence, and to browsers: every text passes the
escaper, the headers carry codes only, and neither the matched text nor the name of a rule is ever in a header.
"""

from __future__ import annotations

import html
import string

import msgspec

from pipelock.model import MAX_NOTE, BlockReason, Decision, Transport, escape
from pipelock.proxy._accept import preferred_type
from pipelock.proxy._http1_events import Headers

__all__ = ["fetch_body", "refusal", "refusal_headers"]

_MAX_LAYER = 32
_MAX_TEXT = 1_000
_MAX_HINT_HEADER = 256
_LAYER_CHARS = frozenset(string.ascii_letters + string.digits + "_")
_CONTENT_TYPES = {
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
    "html": "text/html; charset=utf-8",
}


class _Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The JSON body of a refusal; empty fields are left out."""

    error: str
    blocked: bool
    block_reason: str
    direction: str = ""
    reason: str
    message: str = ""
    layer: str = ""
    severity: str
    retry: str
    request_id: str
    hint: str = ""
    note: str = ""


class _FetchAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The JSON body of `/fetch`, whatever happened; `url` and `blocked` are always there."""

    url: str
    agent: str = ""
    status_code: int = 0
    content_type: str = ""
    title: str = ""
    content: str = ""
    error: str = ""
    blocked: bool
    block_reason: str = ""
    hint: str = ""


def refusal(
    decision: Decision, accept: str, *, transport: Transport, explain: bool, comes_in: bool = False
) -> tuple[int, Headers, bytes]:
    """The status, headers and body that tell a client that `decision` refused it.

    Args:
        decision: A block. One that names no code is answered as `parse_error`, for a refusal must say something.
        accept: The request's Accept field; JSON where it has no preference.
        transport: The road, which the one-line form names for CONNECT; on `REVERSE` the JSON says which way, too.
        explain: Whether the client may see the hint that tells the operator how to change the outcome.
        comes_in: Whether it was an answer that was refused.

    The headers hold Content-Type, Cache-Control and the block reason; framing and Connection are the caller's.
    """
    code = decision.code or BlockReason.PARSE_ERROR
    killed = code is BlockReason.KILL_SWITCH_ACTIVE
    reason = escape(decision.reason or "refused by policy", _MAX_TEXT)
    error, direction = "blocked by pipelock", ""
    if transport is Transport.REVERSE:
        error = "response blocked by pipelock" if comes_in else error
        direction = "response" if comes_in else "request"
    view = _Refusal(
        error=code.value if killed else error,
        blocked=True,
        block_reason=code.value,
        direction=direction,
        reason=reason,
        message=reason if killed else "",
        layer=_layer(decision.layer),
        severity=code.severity,
        retry=code.retry.value,
        request_id=escape(decision.action_id, 64),
        hint=escape(decision.hint, _MAX_TEXT) if explain else "",
        note=escape(decision.note, MAX_NOTE),
    )
    kind = preferred_type(accept)
    if kind == "html":
        body = _as_html(view)
    elif kind == "text":
        body = _as_text(view, transport)
    else:
        body = msgspec.json.encode(view) + b"\n"
    headers = (
        ("content-type", _CONTENT_TYPES[kind]),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *refusal_headers(decision, explain=explain),
    )
    if kind == "html":
        headers += (("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),)
    return decision.status or (503 if killed else 403), headers, body


def refusal_headers(decision: Decision, *, explain: bool) -> Headers:
    """The X-Pipelock-* headers of a refusal: the code, what it means for a retry, the layer, and a hint if allowed."""
    code = decision.code or BlockReason.PARSE_ERROR
    headers = [
        ("x-pipelock-block-reason", code.value),
        ("x-pipelock-block-reason-version", "1"),
        ("x-pipelock-block-reason-severity", code.severity),
        ("x-pipelock-block-reason-retry", code.retry.value),
    ]
    layer = _layer(decision.layer)
    if layer:
        headers.append(("x-pipelock-block-reason-layer", layer))
    if explain and decision.hint and not _names_a_rule(decision):
        text = escape(decision.hint, _MAX_HINT_HEADER)
        headers.append(("x-pipelock-hint", text.encode("ascii", "replace").decode("ascii")))
    return tuple(headers)


def fetch_body(
    *,
    url: str,
    agent: str = "",
    status_code: int = 0,
    content_type: str = "",
    title: str = "",
    content: str = "",
    error: str = "",
    blocked: bool = False,
    block_reason: str = "",
    hint: str = "",
) -> bytes:
    """The JSON that `/fetch` answers. `url` is echoed: whoever refuses for a secret in it passes a reduced one."""
    answer = _FetchAnswer(
        url=escape(url),
        agent=escape(agent, 64),
        status_code=status_code,
        content_type=escape(content_type, 256),
        title=escape(title, _MAX_TEXT),
        content=content,
        error=escape(error, _MAX_TEXT),
        blocked=blocked,
        block_reason=escape(block_reason, _MAX_TEXT),
        hint=escape(hint, _MAX_TEXT),
    )
    return msgspec.json.encode(answer) + b"\n"


def _layer(layer: str) -> str:
    return layer if len(layer) <= _MAX_LAYER and _LAYER_CHARS.issuperset(layer) else ""


def _names_a_rule(decision: Decision) -> bool:
    hint = decision.hint.lower()
    return any(
        finding.rule and finding.rule != finding.scanner and finding.rule.lower() in hint
        for finding in decision.findings
    )


def _as_text(view: _Refusal, transport: Transport) -> bytes:
    label = "CONNECT blocked" if transport is Transport.CONNECT else "blocked"
    lines = [f"{label}: {view.error if view.message else view.reason}", view.message]
    lines.append(f"hint: {view.hint}" if view.hint else "")
    lines.append(f"note: {view.note}" if view.note else "")
    lines.append(f"({view.block_reason}, retry: {view.retry}, request {view.request_id})")
    return ("\n".join(line for line in lines if line) + "\n").encode("utf-8")


_PAGE = string.Template("""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex">
<title>Blocked by Pipelock</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fff}
h1{font-size:1.4rem}
dt{font-weight:600;margin-top:.6rem}dd{margin:0;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}}</style></head>
<body><h1>Blocked by Pipelock</h1><p>$reason</p><dl>
$rows
</dl></body></html>
""")


def _as_html(view: _Refusal) -> bytes:
    rows = (
        ("What to do", view.hint),
        ("Note from the operator", view.note),
        ("Code", view.block_reason),
        ("Layer", view.layer),
        ("Retry", view.retry),
        ("Request", view.request_id),
    )
    shown = "\n".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows if value)
    return _PAGE.substitute(reason=html.escape(view.reason), rows=shown).encode("utf-8")
