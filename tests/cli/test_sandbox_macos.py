"""What `pipelock sandbox --dry-run` prints on macOS: the sandbox's text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelock.cli import _sandbox_macos, parser
from pipelock.cli.errors import CommandError
from pipelock.model import ContainmentFacts, ContainmentSettings
from pipelock_macos.evaluate import Evaluator, Question
from pipelock_macos.parse import parse


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home" / "work"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("PWD", str(folder))
    monkeypatch.chdir(folder)
    return folder


FACTS = ContainmentFacts(settings=ContainmentSettings(host_ports=(5432,)), may_relay=True)


def test_the_text_is_a_profile(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / ".git" / "hooks").mkdir(parents=True)
    code = _sandbox_macos.rehearse(parser.parse(["sandbox", "--dry-run", "--", "sh"]), FACTS)
    printed = capsys.readouterr().out
    assert code == 1
    assert "walls stand" in printed
    asker = Evaluator(parse(printed))
    assert asker.allows(Question(operation="file-write-data", path=f"{work}/x"))
    assert not asker.allows(Question(operation="file-write-data", path=f"{work}/.git/hooks/x"))
    assert not asker.allows(Question(operation="file-read-data", path=f"{work.parent}/.ssh/id"))
    for port, allowed in ((8888, True), (5432, True), (22, False)):
        asked = Question(operation="network-outbound", protocol="tcp", remote=("127.0.0.1", port))
        assert asker.allows(asked) is allowed


def test_json_tells_the_walls(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sandbox", "--dry-run", "--json", "--strict", "--", "sh"]
    assert _sandbox_macos.rehearse(parser.parse(words), FACTS) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["rung"], said["mode"], said["outcome"]) == ("system", "strict", "unavailable")
    assert said["host_ports"] == [5432]


def test_without_the_system_s_sandbox_nothing_starts(work: Path) -> None:
    arguments = parser.parse(["sandbox", "--", "sh"])
    with pytest.raises(CommandError, match="the system's sandbox can't be had"):
        _sandbox_macos.run(arguments, FACTS, _sandbox_macos.Programs(sandbox="/nonexistent/sandbox-exec"))
