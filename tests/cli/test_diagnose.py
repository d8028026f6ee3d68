from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from pipelock.cli import diagnose
from pipelock.cli._check_results import Result, failed, passed, skipped
from pipelock.config import load
from pipelock.config.presets import preset_path
from tests.cli.conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]
RESULTS = [passed("health", "well"), skipped("fetch_hint", "off"), failed("rules", "none \x1b[2J")]


@pytest.fixture
def tried(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    daemon.up = False
    calls: list[tuple[object, ...]] = []

    def attempt(*words: object) -> list[Result]:
        calls.append(words)
        return RESULTS

    monkeypatch.setattr(diagnose, "attempt", attempt)
    monkeypatch.setattr(diagnose, "walls", lambda: [passed("sandbox_landlock", "ABI 7")])
    return calls


def test_the_report(run: Run, tried: list[tuple[object, ...]], tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("mode: strict\n")
    code, out, _ = run("diagnose", "-c", str(file), "--json")
    assert code == 1
    assert json.loads(out) == {
        "config_file": str(file),
        "mode": "strict",
        "total": 3,
        "passed": 1,
        "failed": 1,
        "skipped": 1,
        "checks": [
            {"name": "health", "status": "pass", "detail": "well"},
            {"name": "fetch_hint", "status": "skip", "detail": "off"},
            {"name": "rules", "status": "fail", "detail": "none \x1b[2J"},
        ],
    }
    assert tried[0][:2] == (tmp_path, file)
    code, out, _ = run("diagnose", "--no-color")
    assert code == 1
    assert "✗ fail rules       none \\x1b[2J\n" in out
    assert out.endswith("1 passed, 1 failed, 1 skipped\n")


def test_a_daemon_that_runs_a_preset_is_looked_at_with_that(
    run: Run, tried: list[tuple[object, ...]], daemon: FakeDaemon
) -> None:
    daemon.up = True
    for policy, file in ((load(preset_path("strict")).policy_hash, str(preset_path("strict"))), ("0" * 16, "")):
        daemon.state = msgspec.structs.replace(daemon.state, config_path="", policy=policy)
        assert json.loads(run("diagnose", "--json")[1])["config_file"] == file
    assert [path for _, path, *_ in tried] == [preset_path("strict"), None]


def test_walls_alone(run: Run, tried: list[tuple[object, ...]]) -> None:
    code, out, _ = run("diagnose", "--sandbox")
    assert (code, tried) == (0, [])
    assert "sandbox_landlock" in out
    assert "health" not in out


def test_a_configuration_that_is_not_valid(run: Run, tried: list[tuple[object, ...]], tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("mode: nonsense\n")
    assert run("diagnose", "-c", str(tmp_path / "p.yaml"))[0] == 2
    assert tried == []
