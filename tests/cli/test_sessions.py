from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pipelock.model import Session

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]


def test_nobody_yet(daemon: FakeDaemon, run: Run) -> None:
    assert run("sessions") == (0, "Nobody has sent anything yet.\n", "")


@pytest.fixture
def known(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.known = (
        Session(
            key="a\x1b|127.0.0.1",
            agent="a\x1b",
            client="127.0.0.1",
            started_at=0,
            last_seen_at=50,
            requests=9,
            blocked=2,
        ),
    )
    monkeypatch.setattr("time.time", lambda: 60.0)


@pytest.mark.usefixtures("known")
def test_table(run: Run) -> None:
    _, out, _ = run("sessions")
    heads, row = out.splitlines()
    assert heads.split() == ["SESSION", "AGENT", "CLIENT", "REQUESTS", "BLOCKED", "AGE", "LAST", "SEEN"]
    assert row.split() == ["a\\x1b|127.0.0.1", "a\\x1b", "127.0.0.1", "9", "2", "1", "min", "10", "s", "ago"]


@pytest.mark.usefixtures("known")
def test_json(run: Run) -> None:
    _, out, _ = run("sessions", "--json")
    assert json.loads(out)[0]["key"] == "a\x1b|127.0.0.1"
