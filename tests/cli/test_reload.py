from __future__ import annotations

import json
from collections.abc import Callable

from pipelock.control.client import ControlError

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]


def test_the_daemon_says_what_came_of_it(daemon: FakeDaemon, run: Run) -> None:
    assert run("reload") == (0, "policy unchanged\n", "")
    assert ("reload",) in daemon.said


def test_a_daemon_without_words(daemon: FakeDaemon, run: Run) -> None:
    daemon.detail = ""
    assert run("reload") == (0, "The configuration was read again.\n", "")


def test_a_bad_file_is_an_error(daemon: FakeDaemon, run: Run) -> None:
    daemon.error = ControlError("failed", "pipelock.yaml:3:1: mod: unknown key")
    assert run("reload") == (1, "", "pipelock: pipelock.yaml:3:1: mod: unknown key\n")


def test_json(daemon: FakeDaemon, run: Run) -> None:
    _, out, _ = run("reload", "--json")
    assert json.loads(out) == {"ok": True, "detail": "policy unchanged"}
