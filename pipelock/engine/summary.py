"""An action as it may be written and shown: no body, no credential."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from pipelock.model import Action, ActionSummary, Decision, Finding, Verdict

__all__ = ["MAX_PREVIEW", "MAX_SHOWN_HEADERS", "summarise"]

MAX_PREVIEW = 2048
MAX_SHOWN_HEADERS = 64
MAX_SHOWN_VALUE = 256
MAX_SHOWN_URL = 2048

# What these found is, or may be, a secret; what the others found is the reason itself and must be readable.
_SECRET_LAYERS = frozenset({"core_dlp", "dlp", "entropy", "subdomain_entropy"})

_CREDENTIAL_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-api-key",
        "x-auth-token",
        "x-goog-api-key",
        "x-token",
    }
)


def summarise(action: Action, decision: Decision) -> ActionSummary:
    """Reduce `action` to what may be kept.

    A plain allow keeps no headers: ten thousand of them are held in memory for dashboards.
    """
    plain = decision.verdict is Verdict.ALLOW and not decision.findings and decision.outcome is None
    return ActionSummary(
        id=action.id,
        kind=action.kind,
        transport=action.transport,
        direction=action.direction,
        session=action.session,
        agent=action.agent,
        client=action.client,
        method=action.method,
        url=_safe_url(action, decision.findings),
        host=_safe_host(action.host, decision.findings),
        port=action.port,
        status=action.status,
        size=action.size or len(action.body),
        content_type=action.content_type,
        headers=() if plain else _safe_headers(action.headers, decision.findings),
        preview=_preview(action, decision.findings) if decision.verdict is Verdict.ASK else "",
    )


def _concerns_url(finding: Finding) -> bool:
    return finding.scanner in _SECRET_LAYERS and finding.place.startswith("url")


def _concerns_host(finding: Finding) -> bool:
    return finding.scanner in _SECRET_LAYERS and finding.place.startswith("url:host")


def _safe_url(action: Action, findings: Iterable[Finding]) -> str:
    if not any(map(_concerns_url, findings)):
        url = _without_userinfo(action.url)
        return url if len(url) <= MAX_SHOWN_URL else url[:MAX_SHOWN_URL] + "…"
    scheme = action.url.partition("://")[0][:16]
    return f"{scheme}://{_safe_host(action.host, findings)}/[redacted]"


def _without_userinfo(url: str) -> str:
    if "@" not in url:
        return url
    try:
        netloc = urlsplit(url).netloc
    except ValueError:
        return "[unreadable url]"
    userinfo, found, _ = netloc.rpartition("@")
    return url.replace(f"{userinfo}@", "[redacted]@", 1) if found else url


def _safe_host(host: str, findings: Iterable[Finding]) -> str:
    if not any(map(_concerns_host, findings)):
        return host
    # The secret is in the labels: keep what names the owner of the domain, roughly, and drop the rest.
    return "[redacted]." + ".".join(host.rsplit(".", 2)[-2:])


def _safe_headers(headers: tuple[tuple[str, str], ...], findings: Iterable[Finding]) -> tuple[tuple[str, str], ...]:
    hit = {finding.place.removeprefix("header:") for finding in findings if finding.place.startswith("header")}
    everything = "headers" in hit
    return tuple(
        (name, _masked(value) if everything or name in hit or name in _CREDENTIAL_HEADERS else value[:MAX_SHOWN_VALUE])
        for name, value in headers[:MAX_SHOWN_HEADERS]
    )


def _masked(value: str) -> str:
    scheme, space, rest = value.partition(" ")
    if space and scheme.isalpha() and len(scheme) <= 12:
        return f"{scheme} [{len(rest)} characters]"
    return f"[{len(value)} characters]"


def _preview(action: Action, findings: Iterable[Finding]) -> str:
    body = action.body
    if not body:
        return ""
    spans = []
    for finding in findings:
        if finding.place.startswith("body"):
            if finding.span is None:
                return (
                    "[not shown: it holds a secret in another spelling]" if finding.scanner != "response_scan" else ""
                )
            spans.append(finding.span)
    pieces: list[bytes] = []
    at = 0
    for span in sorted(spans, key=lambda span: span.start):
        if span.start >= at:
            pieces.append(body[at : span.start])
            # An instruction is what the operator has to read; a credential is what nobody may.
            pieces.append(body[span.start : span.end] if action.status else b"[masked]")
            at = span.end
    pieces.append(body[at : at + MAX_PREVIEW])
    return b"".join(pieces)[:MAX_PREVIEW].decode("utf-8", "replace")
