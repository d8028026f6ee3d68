from __future__ import annotations

import json
from collections.abc import Callable

from pipelock.model import KillSwitchState

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]
OFF = KillSwitchState(active=False, sources={"api": False})


def test_on(daemon: FakeDaemon, run: Run) -> None:
    assert run("kill", "on") == (0, "kill switch ON, held by api\n", "")
    assert ("kill", True) in daemon.said


def test_off(daemon: FakeDaemon, run: Run) -> None:
    daemon.after_switch = OFF
    assert run("kill", "off") == (0, "kill switch off\n", "")
    assert ("kill", False) in daemon.said


def test_off_does_not_pretend_where_others_hold_it(daemon: FakeDaemon, run: Run) -> None:
    daemon.after_switch = KillSwitchState(active=True, sources={"api": False, "sentinel": True, "signal": True})
    code, out, err = run("kill", "off")
    assert code == 1
    assert out == "kill switch ON, held by sentinel, signal\n"
    assert "sentinel: remove the sentinel file" in err
    assert "signal: send the daemon SIGUSR1" in err


def test_status_moves_nothing(daemon: FakeDaemon, run: Run) -> None:
    assert run("kill", "status") == (0, "kill switch off\n", "")
    assert daemon.said == [("close",)]


def test_json(daemon: FakeDaemon, run: Run) -> None:
    code, out, _ = run("kill", "on", "--json")
    assert code == 0
    assert json.loads(out) == {"active": True, "sources": {"api": True}}


def test_without_a_daemon_the_sentinel_is_named(daemon: FakeDaemon, run: Run) -> None:
    daemon.up = False
    for word in ("on", "off", "status"):
        code, out, err = run("kill", word)
        assert (code, out) == (1, "")
        assert "kill_switch.sentinel_file" in err
        assert "/KILL" in err
        assert err.count("\n") == 1
