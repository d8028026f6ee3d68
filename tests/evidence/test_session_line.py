from __future__ import annotations

import msgspec

from pipelock.evidence.session_line import SessionEntry, session_line


def test_a_line_has_its_context_and_no_empty_fields() -> None:
    entry = SessionEntry(
        event="adaptive_escalation",
        level="warn",
        message="level normal became elevated",
        session="claude@7|127.0.0.1",
        client="127.0.0.1",
        more={"from": "normal", "to": "elevated", "trigger": "", "score": 6.0},
    )
    line = session_line(entry, 1_700_000_000.9)
    assert line.endswith(b"\n")
    assert msgspec.json.decode(line) == {
        "time": "2023-11-14T22:13:20Z",
        "level": "warn",
        "component": "pipelock",
        "event": "adaptive_escalation",
        "message": "level normal became elevated",
        "session": "claude@7|127.0.0.1",
        "client_ip": "127.0.0.1",
        "from": "normal",
        "to": "elevated",
        "score": 6.0,
    }


def test_what_came_from_outside_is_escaped() -> None:
    entry = SessionEntry(event="session_act", level="info", message="a\x1b[2J", session="x\u202e", more={"by": "a\nb"})
    line = msgspec.json.decode(session_line(entry, 0.0))
    assert not {"\x1b", "\u202e", "\n"} & set("".join((line["message"], line["session"], line["by"])))
