from __future__ import annotations

import json

from pipelock.evidence.line import AdminEntry, admin_line


def test_a_call_of_the_admin_api() -> None:
    entry = AdminEntry("terminate", "127.0.0.1", 200, "a\x1b|1", "3 connections ended")
    assert json.loads(admin_line(entry, 1_700_000_000.9)) == {
        "time": "2023-11-14T22:13:20Z", "level": "info", "component": "pipelock", "event": "session_admin",
        "message": "admin API: terminate", "action": "terminate", "client_ip": "127.0.0.1", "status_code": 200,
        "session_key": "a\\x1b|1", "result": "3 connections ended",
    }  # fmt: skip
    refused = json.loads(admin_line(AdminEntry("list", "::1", 401, left_out=12), 0.0))
    assert (refused["level"], refused["result"], refused["left_out"]) == ("warn", "ok", 12)
