from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.cli import verify_install
from pipelock.cli._check_results import Result, failed, passed, skipped
from pipelock.cli._traffic_checks import SCANNING
from pipelock.cli._wall_checks import CONTAINMENT
from tests.cli.conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]
NAMES = ["config_valid", *(name for name, _ in SCANNING), "scanning_policy", *CONTAINMENT]


class Machine:
    """What the two kinds of checks find."""

    scanning: list[Result]
    walls: list[Result]


@pytest.fixture
def machine(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> Machine:
    daemon.up = False
    one = Machine()
    one.scanning = [passed(name) for name, _ in SCANNING]
    one.walls = [passed(name, "Connection refused") for name in CONTAINMENT]
    monkeypatch.setattr(verify_install, "attempt", lambda *_: one.scanning)
    monkeypatch.setattr(verify_install, "hold", lambda *_: one.walls)
    return one


def test_the_report(run: Run, machine: Machine, tmp_path: Path) -> None:
    code, out, _ = run("verify-install", "--json")
    report = json.loads(out)
    assert (code, report["config_file"]) == (0, "")
    assert report["timestamp"].endswith("Z")
    assert [check["name"] for check in report["checks"]] == NAMES
    assert {check["category"] for check in report["checks"][-3:]} == {"containment"}
    assert report["checks"][0] == {
        "name": "config_valid",
        "category": "scanning",
        "status": "pass",
        "detail": "the built-in one",
    }
    assert report["summary"] == {
        "total": 11,
        "passed": 10,
        "failed": 0,
        "not_applicable": 1,
        "scanning": "pass",
        "containment": "pass",
    }
    code, out, _ = run("verify-install", "-o", str(tmp_path / "report.json"), "--no-color")
    assert code == 0
    assert "10 passed, 0 failed, 1 not applicable" in out
    assert [check["name"] for check in json.loads((tmp_path / "report.json").read_text())["checks"]] == NAMES


def test_one_that_failed(run: Run, machine: Machine) -> None:
    machine.walls[1] = failed("no_direct_dns", "reached \x1b[2J")
    code, out, _ = run("verify-install")
    assert code == 1
    assert "✗ fail no_direct_dns    reached \\x1b[2J" in out
    machine.walls = [skipped(name, "not Linux") for name in CONTAINMENT]
    code, out, _ = run("verify-install", "--json")
    assert (code, json.loads(out)["summary"]["containment"]) == (0, "not_applicable")


def test_a_configuration_that_is_not_valid_is_the_first_that_failed(run: Run, machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("mode: nonsense\n")
    code, out, _ = run("verify-install", "--json", "-c", str(tmp_path / "p.yaml"))
    report = json.loads(out)
    assert code == 2
    assert [check["name"] for check in report["checks"]] == NAMES
    assert [check["status"] for check in report["checks"]] == ["fail", *["not_applicable"] * 10]
    assert "mode" in report["checks"][0]["detail"]


@pytest.mark.parametrize(
    ("mark", "context"), [("", "host"), (".dockerenv", "container"), ("run/.containerenv", "container")]
)
def test_where_it_runs(tmp_path: Path, mark: str, context: str) -> None:
    if mark:
        (tmp_path / mark).parent.mkdir(exist_ok=True)
        (tmp_path / mark).touch()
    assert verify_install.run_context(tmp_path) == context
