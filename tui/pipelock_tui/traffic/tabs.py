"""The pages behind a row: request, response, scan, timeline, receipt. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from pipelock.model import Record
from pipelock_tui.explain import action_lines, finding_lines, item, receipt_lines, taint_lines, verdict_lines
from pipelock_tui.rows import Row, method_of, path_of, why_of
from pipelock_tui.text import Line, Part, line, width_of
from pipelock_tui.traffic.actions import TABS
from pipelock_tui.traffic.exchange import Exchange
from pipelock_tui.words import OUTCOMES, clock_time, size, span, verdict_words

__all__ = ["MAX_JSON", "page_lines", "tab_line", "timeline"]

MAX_JSON = 64_000
"""Characters of a record's JSON that are shown; an export has all of it."""


def tab_line(chosen: str, width: int, *, keys: str = "") -> Line:
    """The names of the pages, the open one in brackets."""
    parts: list[Part] = [Part(" ")]
    for name in TABS:
        word = name.capitalize() if width >= 50 else name[:4].capitalize()
        parts.append(Part(f"[{word}]" if name == chosen else f" {word} ", "badge" if name == chosen else "dim"))
    hint = Part(f"  {keys}", "key")
    return (*parts, hint) if keys and width_of(tuple(parts)) + len(keys) + 2 <= width else tuple(parts)


def page_lines(exchange: Exchange, tab: str, zone: tzinfo | None = None, audit_path: str = "") -> list[Line]:
    """One page, not wrapped. `tab` is one of `TABS`."""
    match tab:
        case "request":
            return _request(exchange, zone)
        case "response":
            return _response(exchange, zone)
        case "timeline":
            return timeline(exchange, zone)
        case "receipt":
            return _receipt(exchange.chosen, audit_path)
        case _:
            return _scan(exchange.chosen, zone)


def _scan(record: Record, zone: tzinfo | None) -> list[Line]:
    decision = record.decision
    found = finding_lines(decision.findings) or [(), line(("Nothing was noticed.", "dim"))]
    told = [*found, *_suppressed(record)]
    tainted = taint_lines(decision.taint)
    # What decided comes first.
    rest = [*tainted, *told] if decision.layer == "taint" else [*told, *tainted]
    return [*verdict_lines(record, zone), *rest]


def _request(exchange: Exchange, zone: tzinfo | None) -> list[Line]:
    request = exchange.request
    if request is None:
        return [_missing("The request is not in memory any more; search the history for its id.")]
    return [_summary(request, zone), *action_lines(request.action), *_body_note(request)]


def _response(exchange: Exchange, zone: tzinfo | None) -> list[Line]:
    response, parts = exchange.response, exchange.parts
    if response is None and not parts:
        request = exchange.request
        if request is not None and request.decision.status:
            return [_missing(f"Nothing was asked of the upstream: we answered {request.decision.status} ourselves.")]
        return [_missing("No answer is recorded: it is under way, went through an opaque tunnel, or left the memory.")]
    lines: list[Line] = []
    if response is not None:
        lines += [_summary(response, zone), *action_lines(response.action), *_body_note(response)]
    if parts:
        lines += [(), line(("PARTS", "title"), (f"  {len(parts)} that were told of", "dim"))]
        lines += [_summary(part, zone) for part in parts]
    return lines


def _body_note(record: Record) -> list[Line]:
    if record.action.preview:
        return [(), line(("BODY", "title"), ("  its start, secrets masked", "dim")), *_text(record.action.preview)]
    if record.action.size:
        return [(), line(("Bodies are not kept: only their size and what was noticed in them.", "dim"))]
    return []


def _text(text: str) -> list[Line]:
    return [line(("  " + each.replace("\t", "    "), "")) for each in text.split("\n")]


def _summary(record: Record, zone: tzinfo | None) -> Line:
    verdict = record.decision.verdict
    why = why_of(record)
    return line(
        (verdict_words(verdict), verdict.value),
        (f"  {method_of(record)}", "strong"),
        (f"  {why}" if why else "", ""),
        (f"   {clock_time(record.at, zone)}", "dim"),
    )


def _suppressed(record: Record) -> list[Line]:
    found = record.decision.suppressed
    if not found:
        return []
    return [(), line(("DECLARED HARMLESS HERE", "title")), *finding_lines(found)[2:]]


def timeline(exchange: Exchange, zone: tzinfo | None = None) -> list[Line]:
    """What happened in which order, with the time between, and what the session did before and after."""
    lines: list[Line] = [line(("TIMELINE", "title"), (f"  action {exchange.chosen.action.id}", "dim"))]
    start = exchange.rows[0].at if exchange.rows else exchange.chosen.at
    for row in exchange.rows:
        lines += _moments(row, start, zone)
    for title, rows in (("BEFORE IT, IN THIS SESSION", exchange.before), ("AFTER IT, IN THIS SESSION", exchange.after)):
        if rows:
            lines += [(), line((title, "title")), *_neighbours(rows, start, zone)]
    return lines


def _moments(row: Row, start: float, zone: tzinfo | None) -> list[Line]:
    when = line((f"  {clock_time(row.at, zone)} ", "dim"), (f"{_since(row.at - start):>10}  ", "note"))
    if row.record is None:
        return [(*when, Part(row.text, row.role))]
    record, decision = row.record, row.record.decision
    lines: list[Line] = []
    if decision.held_ms:
        ended = OUTCOMES[decision.outcome] if decision.outcome is not None else "answered"
        lines.append((*when, Part(f"held {span(decision.held_ms / 1000)}: {ended}", "ask")))
    what = f"{method_of(record)} {record.action.host}{path_of(record.action.url)}"
    verdict = decision.verdict
    judged = f"  judged in {span(record.took_us / 1e6)}"
    lines.append((*when, Part(f"{verdict_words(verdict)}  ", verdict.value), Part(what, "strong"), Part(judged, "dim")))
    if decision.upgraded is not None:
        lines.append(item("", f"made stricter by the session's level, from {decision.upgraded.value}", "warn"))
    if decision.grant:
        lines.append(item("", f"decided by grant {decision.grant}", "note"))
    return lines


def _neighbours(rows: Sequence[Row], start: float, zone: tzinfo | None) -> list[Line]:
    lines: list[Line] = []
    for row in rows:
        if row.record is not None:
            verdict = row.record.decision.verdict
            what = f"{method_of(row.record)} {row.record.action.host}{path_of(row.record.action.url)}"
            head = line((f"  {clock_time(row.at, zone)} ", "dim"), (f"{_since(row.at - start):>10}  ", "dim"))
            lines.append((*head, Part(f"{verdict_words(verdict)}  ", verdict.value), Part(what)))
    return lines


def _since(seconds: float) -> str:
    return "" if not seconds else f"{'+' if seconds > 0 else '-'}{span(abs(seconds))}"


def _receipt(record: Record, audit_path: str) -> list[Line]:
    text = json.dumps(msgspec.to_builtins(record), indent=2, ensure_ascii=False, sort_keys=True)
    where = audit_path or "the audit log"
    lines = receipt_lines(record)[1:]
    lines.append(item("audit line", f"request_id {record.action.id} in {where}"))
    lines.append(item("size", f"{size(record.action.size)} bytes, the body itself is not kept"))
    lines += [(), line(("RECORD", "title"), ("  as JSON, secrets masked", "dim")), *_text(text[:MAX_JSON])]
    if len(text) > MAX_JSON:
        lines.append(_missing("… and more; an export has all of it"))
    return lines


def _missing(words: str) -> Line:
    return line((f"  {words}", "dim"))
