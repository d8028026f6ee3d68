"""Decisions and prompts in full: what was judged, what was noticed, why, and what to do about it."""

from __future__ import annotations

from datetime import tzinfo

from pipelock.model import ActionSummary, Decision, Finding, Record, Severity, TaintWeighed, Verdict, escape
from pipelock_tui.text import Line, Part, line
from pipelock_tui.words import OUTCOMES, TAINTS, clock_time, number, span, verdict_words

__all__ = ["LABEL", "action_lines", "finding_lines", "item", "masked", "receipt_lines", "taint_lines", "verdict_lines"]

LABEL = 12
"""Cells taken by the labels at the left; wrapped text hangs from there."""
_MAX_FINDINGS = 50
_SENSITIVE = ("authorization", "cookie", "token", "secret", "password", "api-key", "apikey")
_MASKS = ("[masked]", "[redacted]", "[REDACTED]", "***", "•••", "███")


def verdict_lines(record: Record, zone: tzinfo | None = None) -> list[Line]:
    """What was decided, why, and what to do about it, not wrapped."""
    decision = record.decision
    verdict = decision.verdict
    lines = [
        line(
            (verdict_words(verdict).upper(), verdict.value),
            ("  " + (decision.layer or "nothing objected"), "strong"),
            (f"   {clock_time(record.at, zone)}", "dim"),
        ),
        item("why", decision.reason or "Nothing was found and no rule asks for more.", "strong"),
        item("to do", _advice(decision), "key"),
    ]
    if not decision.enforced:
        lines.append(item("mode", "This would have been refused; the mode in force only warns.", "warn"))
    if decision.upgraded is not None:
        lines.append(item("stricter", f"The session's level made it so; it was {decision.upgraded.value}.", "warn"))
    if decision.grant:
        lines.append(item("grant", f"An earlier answer decided: {decision.grant}.", "note"))
    return lines


def item(label: str, text: str, role: str = "") -> Line:
    """A fact with its label."""
    return (Part(f"  {label:<{LABEL - 3}} ", "dim"), Part(text, role))


def _advice(decision: Decision) -> str:
    if decision.hint:
        return decision.hint
    match decision.verdict:
        case Verdict.BLOCK if decision.hard:
            return "A hard refusal: no approval and no mode lifts it."
        case Verdict.BLOCK:
            return "If this should pass, change the rule or the allowlist that the layer names."
        case Verdict.WARN:
            return "It went through. Check whether it should."
        case _:
            return "Nothing."


def action_lines(action: ActionSummary) -> list[Line]:
    """What was judged; a heading first."""
    what = f"{action.method} " if action.method else ""
    lines = [
        (),
        line(
            ("JUDGED", "title"), (f"  {action.kind.value}, {action.direction.value}, {action.transport.value}", "dim")
        ),
    ]
    lines.append(item("target", what + (action.url or f"{action.host}:{action.port}"), "strong"))
    if action.remote:
        # Nobody has checked it: what is in such a tunnel is not read.
        lines.append(item("says", f"{action.remote}  (the client's own words)"))
    who = action.agent or "anonymous"
    program = f", program {action.program} {action.pid}" if action.program else ""
    lines.append(item("agent", f"{who}  from {action.client or 'unknown'}{program}"))
    lines.append(item("session", action.session or "none"))
    facts = [f"{number(action.size)} bytes"]
    if action.content_type:
        facts.append(action.content_type)
    if action.status:
        facts.append(f"status {action.status}")
    lines.append(item("content", ", ".join(facts)))
    for index, (name, value) in enumerate(action.headers):
        label = "headers" if index == 0 else ""
        lines.append((Part(f"  {label:<{LABEL - 3}} ", "dim"), Part(f"{name}: ", "dim"), Part(masked(name, value))))
    return lines


def masked(name: str, value: str) -> str:
    """The daemon masks credentials; this is the second pair of eyes for header names that sound like one."""
    folded = name.casefold()
    if value.endswith(" characters]") or not any(word in folded for word in _SENSITIVE):
        return value
    return f"[{len(value)} characters]"


def finding_lines(findings: tuple[Finding, ...]) -> list[Line]:
    """What was noticed, under a heading; nothing where nothing was."""
    if not findings:
        return []
    lines: list[Line] = [(), line(("FINDINGS", "title"), (f"  {len(findings)}", "dim"))]
    for finding in findings[:_MAX_FINDINGS]:
        role = "block" if finding.severity.rank >= Severity.HIGH.rank else "warn"
        lines.append(
            line(
                (f"  {_SEVERITY[finding.severity]} {finding.severity.value}", role),
                (f"  {finding.scanner} · {finding.rule}", "strong"),
                ("  can't be approved away" if finding.hard else "", "dim"),
            )
        )
        lines.append(item("noticed", finding.message))
        if finding.place:
            where = f", {finding.span.start} to {finding.span.end}" if finding.span else ""
            lines.append(item("place", finding.place + where))
        if finding.path:
            lines.append(item("decoded", " → ".join(finding.path)))
        if finding.excerpt:
            lines.append((Part(f"  {'excerpt':<{LABEL - 3}} ", "dim"), *_marked(finding.excerpt)))
    if len(findings) > _MAX_FINDINGS:
        lines.append(item("", f"and {len(findings) - _MAX_FINDINGS} more"))
    return lines


_SEVERITY = {
    Severity.CRITICAL: "▲▲",
    Severity.HIGH: "▲",
    Severity.MEDIUM: "△",
    Severity.LOW: "·",
    Severity.INFO: "i",
}


def _marked(excerpt: str) -> list[Part]:
    """The excerpt with its masked places set off as matches."""
    parts: list[Part] = []
    rest = escape(excerpt, 1000)
    while rest:
        found = [(rest.find(mask), mask) for mask in _MASKS if mask in rest]
        if not found:
            break
        place, mask = min(found)
        end = place + len(mask)
        while mask[0] != "[" and rest[end : end + 1] == mask[0]:
            end += 1
        if place:
            parts.append(Part(rest[:place]))
        parts.append(Part(rest[place:end], "match"))
        rest = rest[end:]
    return [*parts, Part(rest)]


def taint_lines(weighed: TaintWeighed | None) -> list[Line]:
    """What was read before, what it was held against and what came of it, under a heading; nothing if none was."""
    if weighed is None:
        return []
    lines: list[Line] = [
        (),
        line(("TAINT", "title"), (f"  {weighed.level.value}", "dim")),
        item("read", f"The session {TAINTS[weighed.level]}."),
    ]
    if weighed.source:
        lines.append(item("source", f"{weighed.source}  ({weighed.source_kind})"))
    lines.append(item("weighed", f"{weighed.action_class}, {weighed.sensitivity} path"))
    meant = _AUTHORITIES.get(weighed.authority, "")
    lines.append(item("authority", f"{weighed.authority}: {meant}" if meant else weighed.authority))
    if weighed.override:
        lines.append(item("override", weighed.override, "warn"))
    lines.append(item("demands", verdict_words(weighed.verdict), weighed.verdict.value))
    return lines


_AUTHORITIES = {
    "user_broad": "somebody set the agent to work and said nothing of this",
    "policy": "the configuration names where it goes",
    "user_exact": "a person allowed this very request",
    "operator_override": "an exception of yours covers it",
}


def receipt_lines(record: Record) -> list[Line]:
    """By whom and how it was decided; a heading first."""
    decision = record.decision
    lines: list[Line] = [(), line(("RECEIPT", "title"))]
    lines.append(item("decision", f"{decision.action_id}  policy {decision.policy or 'unknown'}"))
    rule = f", rule {decision.rule}" if decision.rule else ""
    code = f", code {decision.code.value}" if decision.code else ""
    status = f", answered {decision.status}" if decision.status else ""
    lines.append(item("decided", f"{decision.layer or 'no layer'}{rule}{code}{status}"))
    held = f", held {span(decision.held_ms / 1000)}" if decision.held_ms else ""
    lines.append(item("took", f"judged in {span(record.took_us / 1e6)}{held}"))
    if decision.outcome is not None:
        lines.append(item("outcome", OUTCOMES[decision.outcome]))
    if decision.note:
        lines.append(item("note", decision.note))
    if decision.addresses:
        lines.append(item("addresses", ", ".join(decision.addresses)))
    return lines
