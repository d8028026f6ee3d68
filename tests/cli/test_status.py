from __future__ import annotations

import json
from collections.abc import Callable

import msgspec

from pipelock.cli.status import report
from pipelock.model import KillSwitchState, Status

from .conftest import STATUS, FakeDaemon

Run = Callable[..., tuple[int, str, str]]

GOLDEN = """\
daemon          pipelock 9.9, pid 4321, up 2 min
listens on      127.0.0.1:8899
policy          mode balanced, enforced, hash 00ff00ff00ff00ff
configuration   /etc/pipelock/pipelock.yaml
kill switch     off
requests        20: 15 allowed, 2 warned, 3 blocked
waiting for you 0
connections     0 open, 0 tunnels, 0 WebSockets, 0 sessions, 0 dashboards
inside TLS      not read (tls_interception)
audit log       /var/log/audit.jsonl
most blocked    evil.example 3"""


def test_the_report() -> None:
    assert report(STATUS, STATUS.started_at + 120) == GOLDEN


def test_sandboxes_are_counted_where_there_are_some() -> None:
    for number, words in ((1, "0 sessions, 1 sandbox, 0 dash"), (2, "0 sessions, 2 sandboxes, 0 dash")):
        assert words in report(msgspec.structs.replace(STATUS, contained=number), 0)


def test_what_is_not_enforced_is_said_loudly() -> None:
    audit = msgspec.structs.replace(STATUS, mode="audit", enforce=False, config_path="")
    shown = report(audit, STATUS.started_at)
    assert "mode audit, NOT enforced" in shown
    assert "configuration   built-in" in shown


def test_the_kill_switch_names_its_holders_and_its_message() -> None:
    state = KillSwitchState(active=True, sources={"signal": True, "api": True, "config": False}, message="drill")
    assert "ON, held by api, signal: drill" in report(msgspec.structs.replace(STATUS, kill_switch=state), 0)


def test_json_is_the_whole_status(daemon: FakeDaemon, run: Run) -> None:
    code, out, _ = run("status", "--json")
    assert code == 0
    assert msgspec.convert(json.loads(out), Status) == STATUS
    assert out.startswith('{\n  "')


def test_text_comes_from_the_daemon(daemon: FakeDaemon, run: Run) -> None:
    code, out, err = run("status")
    assert (code, err) == (0, "")
    assert "pid 4321" in out
    assert daemon.said == [("close",)]
