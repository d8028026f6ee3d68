from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.cli import service as service_module
from pipelock.service.systemd import UNIT
from tests.cli.conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the fake manager is a systemctl")
SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$ASKED"
[ -z "$BROKEN" ] || { echo "Failed to connect to bus" >&2; exit 1; }
case "$*" in
    *show*) printf 'LoadState=loaded\\nActiveState=active\\nSubState=running\\nUnitFileState=enabled\\nMainPID=%s\\n' "${PID:-17}"
            printf 'NRestarts=1\\nStatusText=listening \\033[2J\\n' ;;
esac
"""


class Host:
    """A user's home, and a systemctl that keeps what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "user"
        self.home.mkdir()
        self.unit = self.home / ".config/systemd/user" / UNIT
        self.record = folder / "asked"
        self.bin = folder / "bin"
        self.bin.mkdir()
        (self.bin / "systemctl").write_text(SYSTEMCTL)
        (self.bin / "systemctl").chmod(0o755)
        self.program = self.home / ".local/bin/pipelock"
        self.program.parent.mkdir(parents=True)
        self.program.write_text("#!/bin/sh\n")
        self.program.chmod(0o755)

    def asked(self) -> list[str]:
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        self.record.unlink(missing_ok=True)
        return [" ".join(word for word in line.split() if not word.startswith("--")) for line in lines]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon) -> Host:
    one = Host(tmp_path)
    daemon.up = False
    for name, value in {
        "HOME": str(one.home),
        "PATH": f"{one.bin}:{os.environ['PATH']}",
        "ASKED": str(one.record),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIPELOCK_HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(sys, "argv", [str(one.program)])
    monkeypatch.setattr(sys, "executable", str(one.home / "venv/bin/python"))
    return one


def test_from_beginning_to_end(host: Host, run: Run) -> None:
    code, out, _ = run("service", "install", "--dry-run", "--now")
    assert code == 0
    assert f"ExecStart={host.program} run --preset balanced\n" in out
    assert "would run systemctl --user restart pipelock.service" in out
    assert (host.asked(), host.unit.exists()) == ([], False)

    code, out, err = run("service", "install", "--now", "--preset", "strict")
    assert (code, err) == (0, "")
    assert "written" in out
    assert "enable-linger" in out
    assert f"ExecStart={host.program} run --preset strict\n" in host.unit.read_text()
    assert host.asked() == ["daemon-reload", f"enable {UNIT}", f"restart {UNIT}"]

    code, out, _ = run("service", "status")
    assert code == 0
    assert "listening \\x1b[2J" in out
    assert "17, restarted 1 times" in out
    state = json.loads(run("service", "status", "--json")[1])
    assert (state["installed"], state["works"], state["state"]["pid"]) == (True, True, 17)
    host.asked()
    assert run("service", "restart")[0] == 0
    assert host.asked() == [f"restart {UNIT}"]

    host.program.unlink()
    code, out, _ = run("service", "status")
    assert code == 1
    assert "WHICH CAN'T BE RUN" in out

    assert "would remove" in run("service", "uninstall", "--dry-run")[1]
    host.asked()
    code, out, _ = run("service", "uninstall")
    assert code == 0
    assert host.asked()[0] == f"disable {UNIT}"
    assert not host.unit.exists()
    assert "is not there, or not ours" in run("service", "uninstall")[1]
    assert run("service", "status")[0] == 1
    assert run("service", "restart")[0] == 1


def test_a_configuration_is_tried_first_and_named_in_full(
    host: Host, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.yaml").write_text("mode: nonsense\n")
    code, _, err = run("service", "install", "-c", "p.yaml")
    assert (code, host.unit.exists()) == (2, False)
    assert "mode" in err
    Path("p.yaml").write_text("mode: strict\n")
    assert run("--home", "state", "service", "install", "-c", "p.yaml")[0] == 0
    assert f"ExecStart={host.program} --home {tmp_path}/state run --config {tmp_path}/p.yaml\n" in host.unit.read_text()
    assert (tmp_path / "state/installed.json").exists()
    assert run("service", "install", "-c", "p.yaml", "--preset", "strict")[0] == 2


def test_where_no_manager_answers_the_rest_is_told(host: Host, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", "1")
    code, out, _ = run("service", "install", "--now")
    assert code == 1
    assert "left to do (Failed to connect to bus)" in out
    assert f"systemctl --user restart {UNIT}" in out
    assert host.unit.exists()
    assert "Failed to connect to bus" in run("service", "status")[1]
    answer = json.loads(run("service", "install", "--json")[1])
    assert (answer["wrote"], answer["left"][0]) == (False, "systemctl --user daemon-reload")
    assert run("service", "uninstall")[0] == 0
    assert not host.unit.exists()


def test_a_daemon_in_the_way_is_named(
    host: Host, run: Run, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.up = True
    code, _, err = run("service", "install", "--now")
    assert (code, host.unit.exists()) == (1, False)
    assert "pid 4321" in err
    assert run("service", "install")[0] == 0
    monkeypatch.setenv("PID", "4321")  # it is the service's own
    assert run("service", "install", "--now")[0] == 0


def test_what_is_in_a_cache_is_refused(host: Host, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/home/u/.cache/uv/archive-v0/x/bin/python")
    code, _, err = run("service", "install")
    assert (code, host.unit.exists()) == (1, False)
    assert "uv tool install pipelock" in err


def test_logs_are_the_manager_s(host: Host, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(service_module.os, "execvp", lambda _file, words: ran.append(words))
    run("service", "logs")
    run("service", "logs", "-f")
    assert [("--follow" in words, words[0]) for words in ran] == [(False, "journalctl"), (True, "journalctl")]

    def missing(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(service_module.os, "execvp", missing)
    code, _, err = run("service", "logs")
    assert (code, "journalctl: No such file" in err) == (1, True)


@pytest.mark.parametrize(
    "words",
    [("status", "--now"), ("uninstall", "-c", "x"), ("logs", "--json"), ("restart", "--dry-run"), ("nonsense",)],
)
def test_options_that_do_not_go_together(host: Host, run: Run, words: tuple[str, ...]) -> None:
    assert run("service", *words)[0] == 2


def test_another_system(host: Host, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    code, _, err = run("service", "status")
    assert code == 1
    assert "neither" in err
    monkeypatch.setattr(sys, "platform", "darwin")
    code, out, _ = run("service", "install", "--dry-run", "--now")
    assert code == 0
    assert "Library/LaunchAgents/dev.pipelock.daemon.plist" in out
