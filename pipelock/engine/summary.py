"""An action as it may be written and shown: no body, no credential.

What was searched is shown, less what was found. What was refused before anyone searched it (the kill switch, a
malformed message, a host on a list) is reduced to its outline, because nobody knows what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pipelock.engine._outline import REDUCED, outline
from pipelock.engine._preview import MAX_PREVIEW, preview
from pipelock.model import Action, ActionSummary, Decision, Evidence, Finding, Span, Verdict

__all__ = ["MAX_PREVIEW", "MAX_SHOWN_HEADERS", "MAX_SHOWN_URL", "REDUCED", "summarise"]

MAX_SHOWN_HEADERS = 64
MAX_SHOWN_VALUE = 256
MAX_SHOWN_URL = 2048
MAX_SHOWN_HOST = 255
MAX_SHOWN_WORD = 100
"""Most characters of a method or media type."""
LONG_LABEL = 20
"""Host labels of an unsearched URL that are this long could hold a key; shorter ones could not."""

_REDACTED = "[redacted]"

_AGENT_PLACES = frozenset({"header:x-pipelock-agent", "headers"})
_SCHEMES = frozenset({"http", "https"})
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
# Layers that find data in a URL: what they found must not be repeated.
_CONTENT = frozenset({"dlp", "core_dlp", "entropy", "subdomain_entropy"})
# Layers that speak only after the whole request was searched.
_AFTER_CONTENT = frozenset(
    {"ssrf", "length", "ratelimit", "databudget", "body_dlp", "header_dlp", "redaction", "a2a_card", "a2a_dlp",
     "a2a_injection", "a2a_limit", "a2a_session", "a2a_url"}
)  # fmt: skip


def summarise(action: Action, decision: Decision) -> ActionSummary:
    """Reduce `action` to what may be kept.

    A plain allow keeps no headers: ten thousand of them are held in memory for dashboards.
    """
    # A suppressed finding is harmless to send, not to write down.
    findings = (*decision.findings, *decision.suppressed) if decision.suppressed else decision.findings
    if decision.verdict is Verdict.ALLOW and not findings and decision.outcome is None:
        return _plain(action)
    searched = _was_searched(action, decision)
    session, agent = shown_identity(action, decision)
    program, pid = _program(action)
    url = _safe_url(action, findings, searched=searched)
    return ActionSummary(
        id=action.id,
        kind=action.kind,
        transport=action.transport,
        direction=action.direction,
        session=session,
        agent=agent,
        client=action.client,
        method=action.method[:MAX_SHOWN_WORD],
        url=url,
        path=outline(action.url, findings) if url.endswith(REDUCED) and not searched else "",
        host=_safe_host(action, findings, searched=searched),
        port=action.port,
        status=action.status,
        size=action.size or len(action.body),
        content_type=_media_type(action, findings, searched=searched),
        headers=_safe_headers(action.headers, findings, searched=searched),
        preview=_preview(action, decision, findings) if decision.verdict is Verdict.ASK else "",
        program=program,
        pid=pid,
        remote=_remote(action, findings, searched=searched) if action.remote else "",
    )


def _remote(action: Action, findings: Iterable[Finding], *, searched: bool) -> str:
    """It came in a header: where one gives something away, another may hold the rest of it."""
    return action.remote if searched and not any(one.place.startswith("header") for one in findings) else ""


def _preview(action: Action, decision: Decision, findings: Iterable[Finding]) -> str:
    """What a person is asked about is what would go on, and that is where the findings stand."""
    if decision.body is not None:
        action = msgspec.structs.replace(action, body=decision.body)
    return preview(action, findings)


def _plain(action: Action) -> ActionSummary:
    """Nearly every action is searched, clean and allowed; this is all of `summarise` that then remains."""
    url = _without_userinfo(action.url) if "@" in action.url else action.url
    program, pid = _program(action)
    return ActionSummary(
        id=action.id,
        kind=action.kind,
        transport=action.transport,
        direction=action.direction,
        session=action.session,
        agent=action.agent,
        client=action.client,
        method=action.method,
        url=url if len(url) <= MAX_SHOWN_URL else url[:MAX_SHOWN_URL] + "…",
        host=action.host[:MAX_SHOWN_HOST],
        port=action.port,
        status=action.status,
        size=action.size or len(action.body),
        content_type=action.content_type.partition(";")[0].strip()[:MAX_SHOWN_WORD],
        program=program,
        pid=pid,
        remote=action.remote,
    )


def _program(action: Action) -> tuple[str, int]:
    """The client's own process, where it is known."""
    identity = action.identity
    if identity is None or not identity.processes:
        return "", 0
    process = identity.processes[0]
    return process.program, process.pid


def shown_identity(action: Action, decision: Decision) -> tuple[str, str]:
    """Session key and agent as they may be kept: a name that holds, or may hold, a secret is left out of both.

    Only what the client says of itself can: other names, and the keys of processes, are ours.
    """
    identity = action.identity
    if identity is not None and identity.evidence is not Evidence.HEADER:
        return action.session, action.agent
    hidden = any(finding.place in _AGENT_PLACES for finding in (*decision.findings, *decision.suppressed))
    if hidden or (len(action.agent) >= LONG_LABEL and not _was_searched(action, decision)):
        return (action.session if identity is not None and identity.processes else action.client), _REDACTED
    return action.session, action.agent


def _was_searched(action: Action, decision: Decision) -> bool:
    """Whether the scanners saw all of `action` before it was decided."""
    if action.comes_in or action.kind.is_part:
        return True  # its URL is that of a request that was let through; of its headers only a few are shown in clear
    if decision.findings or decision.suppressed:
        return all(finding.scanner in _AFTER_CONTENT for finding in (*decision.findings, *decision.suppressed))
    return not (decision.hard and decision.verdict is Verdict.BLOCK)


def _safe_url(action: Action, findings: Iterable[Finding], *, searched: bool) -> str:
    if not action.url:
        return ""
    if searched:
        url = _without_userinfo(action.url)
        return url if len(url) <= MAX_SHOWN_URL else url[:MAX_SHOWN_URL] + "…"
    scheme = action.url.partition("://")[0].lower()
    host = _safe_host(action, findings, searched=False)
    host = f"[{host}]" if ":" in host else host
    return f"{scheme if scheme in _SCHEMES else '[other]'}://{host}{REDUCED}"


def _without_userinfo(url: str) -> str:
    start = url.find("://") + 3
    ends = [at for at in (url.find(mark, start) for mark in "/?#\\") if at >= 0]
    end = min(ends, default=len(url))
    at = url.rfind("@", start, end)
    return url if start < 3 or at < 0 else f"{url[:start]}[redacted]@{url[at + 1 :]}"


def _safe_host(action: Action, findings: Iterable[Finding], *, searched: bool) -> str:
    host = action.host[:MAX_SHOWN_HOST]
    kept = host
    for finding in findings:
        shorter = _clean_end(action, finding)
        if len(shorter) < len(kept):
            kept = shorter
    if kept != host:
        return f"[redacted]{'.' if kept else ''}{kept}"
    if searched or len(host) < LONG_LABEL or ":" in host:
        return host
    return ".".join("[redacted]" if len(label) >= LONG_LABEL else label for label in host.split("."))


def _clean_end(action: Action, finding: Finding) -> str:
    """The labels at the host's end that what was found does not touch; they name, roughly, the domain's owner."""
    host = action.host[:MAX_SHOWN_HOST]
    if finding.scanner not in _CONTENT:
        return host
    if finding.place.startswith("url:host"):
        # Joined labels and opaque ones lie below the registered domain; a decoded one may be the domain itself.
        count = 2 if finding.scanner == "subdomain_entropy" or "joined" in finding.path else 1
        return ".".join(host.rsplit(".", count)[-count:]) if host.count(".") >= count else ""
    return _end_after(finding.span, host, action.url) if finding.place == "url" else host


def _end_after(span: Span | None, host: str, url: str) -> str:
    """The labels of `host` that come whole after `span` in `url`; all of them where the span lies elsewhere."""
    start = url.lower().find(host.lower(), url.find("://") + 1)
    if start < 0:
        return ""
    if span is None:
        # Found in the decoded URL as a whole: the host is no part of it unless it was encoded itself.
        return "" if "%" in host else host
    if span.end <= start or span.start >= start + len(host):
        return host
    return host[span.end - start :].partition(".")[2]


def _media_type(action: Action, findings: Iterable[Finding], *, searched: bool) -> str:
    if not searched or {"header:content-type", "headers"} & {finding.place for finding in findings}:
        return ""
    return action.content_type.partition(";")[0].strip()[:MAX_SHOWN_WORD]


def _safe_headers(
    headers: tuple[tuple[str, str], ...], findings: Iterable[Finding], *, searched: bool
) -> tuple[tuple[str, str], ...]:
    hit = {finding.place.removeprefix("header:") for finding in findings if finding.place.startswith("header")}
    if not searched or "headers" in hit:
        # Names were not searched either, or it was the names together that gave something away.
        return tuple(
            (name if len(name) < LONG_LABEL else f"[{len(name)} characters]", _masked(value))
            for name, value in headers[:MAX_SHOWN_HEADERS]
        )
    # Where one header gives something away, another may hold the rest of it.
    return tuple(
        (name, _masked(value) if hit or name in _CREDENTIAL_HEADERS else value[:MAX_SHOWN_VALUE])
        for name, value in headers[:MAX_SHOWN_HEADERS]
    )


def _masked(value: str) -> str:
    scheme, space, rest = value.partition(" ")
    if space and scheme.isalpha() and len(scheme) <= 12:
        return f"{scheme} [{len(rest)} characters]"
    return f"[{len(value)} characters]"
