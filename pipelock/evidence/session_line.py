"""What happens to sessions, as lines of the audit log. Event names are the reference's where it has them."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec

from pipelock.model import escape

__all__ = ["SessionEntry", "session_line"]

_encoder = msgspec.json.Encoder()


class SessionEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One happening. Text may be as it came: it is escaped when it is written.

    Attributes:
        event: `session_anomaly`, `adaptive_escalation` and so on.
        level: `info` or `warn`.
        message: One sentence.
        session: The session's key.
        more: The event's own fields.
    """

    event: str
    level: str
    message: str
    session: str
    agent: str = ""
    client: str = ""
    more: Mapping[str, str | float | int] = {}


def session_line(entry: SessionEntry, at: float) -> bytes:
    """The line, line feed included; `at` is seconds since the epoch. Fields that are empty are left out."""
    line: dict[str, str | float | int] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)),
        "level": entry.level,
        "component": "pipelock",
        "event": entry.event,
        "message": escape(entry.message) or entry.event,
    }
    optional = {"session": entry.session, "agent": entry.agent, "client_ip": entry.client, **entry.more}
    for key, value in optional.items():
        if isinstance(value, str):
            if value:
                line[key] = escape(value)
        else:
            line[key] = value
    return _encoder.encode(line) + b"\n"
