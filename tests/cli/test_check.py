from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.cli.check import judgement, summary
from pipelock.config import loads
from pipelock.config.schema_scanning import Suppression
from pipelock.daemon.suppressions import SuppressionsFile
from pipelock.detect.ruleset import RuleSet
from pipelock.model import BlockReason, Decision, Finding, Severity, Verdict

Run = Callable[..., tuple[int, str, str]]

CONFIG = """\
mode: strict
api_allowlist: ["*.example.com"]
dlp:
  patterns:
    - {name: Badge, regex: 'badge-[0-9]{9}', severity: high}
dns:
  host_overrides: {api.example.com: ["93.184.216.34"]}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all, so that the rules are compiled once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def file(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIPELOCK_HOME", str(home))
    path = tmp_path / "pipelock.yaml"
    path.write_text(CONFIG)
    return path


def test_the_summary() -> None:
    rules = len(RuleSet.builtin("credentials").rules) + 1
    assert summary(loads(CONFIG, "x")).splitlines() == [
        "Config validation: OK",
        "  Mode:           strict",
        "  Listen:         127.0.0.1:8888",
        "  API allowlist:  1 domains",
        "  Blocklist:      6 patterns",
        f"  DLP patterns:   {rules} rules",
        "  Entropy thresh: 4.5 bits",
        "  Max URL length: 2048",
    ]


def test_a_valid_file(run: Run, file: Path) -> None:
    code, out, _ = run("check", "-c", str(file))
    assert code == 0
    assert out.startswith("Config validation: OK\n")


def test_every_problem_is_a_line_with_its_place(run: Run, file: Path) -> None:
    file.write_text("mod: strict\nenforce: maybe\n")
    code, out, err = run("check", "--config", str(file))
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith(f"pipelock: Config validation FAILED: {file}:1:1: mod:")
    assert 'did you mean "mode"' in first
    assert second.startswith(f"pipelock: {file}:2:")


def test_problems_as_json(run: Run, file: Path) -> None:
    file.write_text("mod: strict\n")
    code, out, err = run("check", "-c", str(file), "--json")
    assert (code, err) == (2, "")
    report = json.loads(out)
    assert report["valid"] is False
    assert (report["problems"][0]["line"], report["problems"][0]["suggestion"]) == (1, "mode")


def test_a_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    code, _, err = run("check", "-c", str(tmp_path / "none.yaml"))
    assert code == 2
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("url", "code", "result", "scanner"),
    [
        ("http://api.example.com/v1/items", 0, "ALLOWED", ""),
        ("http://other.example/", 1, "BLOCKED", "allowlist"),
        ("http://169.254.169.254/latest/", 1, "BLOCKED", ""),
        ("gopher://api.example.com/", 1, "BLOCKED", "scheme"),
        ("http://api.example.com/?q=badge-123456789", 1, "BLOCKED", "dlp"),
    ],
)
def test_a_url_is_judged(run: Run, file: Path, url: str, code: int, result: str, scanner: str) -> None:
    got, out, _ = run("check", "-c", str(file), "--url", url)
    assert got == code
    assert f"Result: {result}" in out
    if scanner:
        assert f"Scanner: {scanner}" in out


def test_a_judgement_as_json(run: Run, file: Path) -> None:
    code, out, _ = run("check", "-c", str(file), "--url", "http://api.example.com/", "--json")
    report = json.loads(out)
    assert (code, report["valid"], report["url"]["verdict"]) == (0, True, "allow")
    assert report["url"]["addresses"] == ["93.184.216.34"]


def test_what_stands_in_the_home_holds_as_in_the_daemon(run: Run, file: Path, home: Path) -> None:
    url = "http://api.example.com/?q=badge-123456789"
    own = home / "suppressions.yaml"
    try:
        SuppressionsFile(home).add(Suppression(rule="Badge", path="http://api.example.com/", field="url:query:q"))
        assert run("check", "-c", str(file), "--url", url)[0] == 0
        own.write_text("suppress: 7\n")
        code, _, err = run("check", "-c", str(file))
    finally:
        own.unlink(missing_ok=True)
    assert (code, f"{own}:1:" in err) == (2, True)
    assert run("check", "-c", str(file), "--url", url)[0] == 1


def test_held_is_not_allowed(run: Run, file: Path) -> None:
    file.write_text(
        "egress_default: ask\nforward_proxy: {enabled: true}\n"
        'dns: {host_overrides: {api.example.com: ["93.184.216.34"]}}\n'
    )
    code, out, _ = run("check", "-c", str(file), "--url", "http://api.example.com/")
    assert code == 1
    assert "Result: HELD" in out


def test_the_words_of_a_judgement() -> None:
    finding = Finding(scanner="dlp", rule="R", severity=Severity.HIGH, message="m", score=0.9)
    decision = Decision(
        action_id="",
        verdict=Verdict.BLOCK,
        layer="dlp",
        reason="a key\x1b",
        code=BlockReason.DLP_MATCH,
        findings=(finding,),
        hint="remove it",
    )
    assert judgement(decision).splitlines() == [
        "Result: BLOCKED",
        "  Scanner: dlp",
        "  Reason:  a key\\x1b",
        "  Score:   0.90",
        "  Hint:    remove it",
    ]
