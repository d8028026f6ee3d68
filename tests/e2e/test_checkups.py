"""`pipelock verify-install` as a user runs it: a daemon of its own, real traffic, a launched probe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelock.cli._check_results import Status
from pipelock.cli._traffic_checks import DIAGNOSIS, attempt
from pipelock.config import load
from tests.e2e.conftest import PATIENCE, PIPELOCK, copy_compiled

pytestmark = pytest.mark.e2e

CONFIG = """\
mode: strict
explain_blocks: true
forward_proxy: {enabled: true}
websocket_proxy: {enabled: true}
request_body_scanning: {action: block}
response_scanning: {action: block}
"""


@pytest.fixture
def home(tmp_path: Path, compiled: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    copy_compiled(compiled, folder / "cache")
    (folder / "pipelock.yaml").write_text(CONFIG)
    return folder


def ask(home: Path, *words: str) -> tuple[int, dict[str, object]]:
    command = [PIPELOCK, "--home", str(home), *words, "--json"]
    ended = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=8 * PATIENCE, check=False)
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def test_an_installation_in_order_passes_everything(home: Path) -> None:
    walls = {check["name"]: check["status"] for check in ask(home, "diagnose", "--sandbox")[1]["checks"]}  # type: ignore[attr-defined]
    code, report = ask(home, "verify-install", "-c", str(home / "pipelock.yaml"))
    found = {check["name"]: check for check in report["checks"]}  # type: ignore[attr-defined]
    assert found.pop("scanning_policy")["status"] == "not_applicable"
    contained = [check for check in found.values() if check["category"] == "containment"]
    assert [check["status"] for check in found.values() if check["category"] == "scanning"] == ["pass"] * 7, found
    if not sys.platform.startswith("linux") or walls["sandbox_userns"] != "pass":
        pytest.skip("no agent can be launched behind walls here; what is scanned was as it should be")
    assert [check["status"] for check in contained] == ["pass"] * 3, contained
    assert code == 0


@pytest.mark.soak
def test_what_is_not_enforced_is_said(home: Path) -> None:
    path = home / "pipelock.yaml"
    path.write_text(CONFIG.replace("strict", "audit"))
    results = {one.name: one for one in attempt(home, path, load(path).config, DIAGNOSIS)}
    assert [one.status for one in results.values()].count(Status.FAIL) == 0, results
    assert "nothing is enforced" in results["forward_blocked"].detail
    assert results["fetch_hint"].status is Status.SKIP
