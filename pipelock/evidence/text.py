"""A decision as one line for a person."""

from __future__ import annotations

import time

from pipelock.model import Direction, Kind, Record, Verdict, escape

__all__ = ["describe", "text_line"]

_MARKS = {
    Verdict.ALLOW: "✓",
    Verdict.WARN: "!",
    Verdict.STRIP: "~",
    Verdict.REDACT: "~",
    Verdict.ASK: "?",
    Verdict.REDIRECT: ">",
    Verdict.BLOCK: "✗",
}


def describe(record: Record) -> str:
    """What was judged, in a few escaped words: `POST http://host/path`, `CONNECT host:443`, `200 http://…`."""
    action = record.action
    match action.kind:
        case Kind.CONNECT | Kind.CLIENT_HELLO | Kind.TUNNEL_DATA:
            what = {Kind.CONNECT: "CONNECT", Kind.CLIENT_HELLO: "TLS", Kind.TUNNEL_DATA: "TUNNEL"}[action.kind]
            return f"{what} {escape(action.host, 255)}:{action.port}"
        case Kind.RESPONSE:
            return f"{action.status or '---'} {escape(action.url, 300)}"
        case Kind.PIECE | Kind.EVENT | Kind.MESSAGE:
            way = "from" if action.direction is Direction.INBOUND else "to"
            return f"{action.kind.value} {way} {escape(action.url, 300)}"
        case Kind.SCAN:
            return f"scan {escape(action.url, 300) or 'of a text'}"
        case _:
            return f"{escape(action.method, 20) or '-'} {escape(action.url, 300)}"


def text_line(record: Record) -> bytes:
    """One UTF-8 line, line feed included."""
    decision = record.decision
    clock = time.strftime("%H:%M:%S", time.localtime(record.at))
    parts = [clock, _MARKS[decision.verdict], f"{decision.verdict.value:<6}", describe(record)]
    if decision.reason:
        parts.append(f"— {escape(decision.reason, 300)}")
    if decision.layer:
        parts.append(f"[{decision.layer}]")
    return (" ".join(parts) + "\n").encode()
