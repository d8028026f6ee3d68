from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelock.cli import _authority, _stores, uninstall
from pipelock.cli.main import main
from pipelock.service.manifest import HOOK, Manifest
from pipelock.tls.stores import Machine
from tests.cli.conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="services and stores are those of a Debian"
)


class Host:
    """A user of a Debian in a folder, with everything installed that can be."""

    def __init__(self, folder: Path) -> None:
        self.user = folder / "user"
        self.home = self.user / ".pipelock"
        self.root = folder / "root"
        self.anchors = self.root / "usr/local/share/ca-certificates"
        self.unit = self.user / ".config/systemd/user/pipelock.service"
        self.hook = folder / "repository/.git/hooks/pre-push"
        self.hook.parent.mkdir(parents=True)
        self.anchors.mkdir(parents=True)
        self.is_root = True

    def machine(self) -> Machine:
        return Machine(
            platform="linux",
            which=lambda name: "/bin/true" if name == "update-ca-certificates" else None,
            home=self.user,
            environ={},
            is_root=self.is_root,
            root=self.root,
        )


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon) -> Host:
    daemon.up = False
    one = Host(tmp_path)
    program = one.user / ".local/bin/pipelock"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "systemctl").write_text("#!/bin/sh\n")
    (bin_folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("HOME", str(one.user))
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.delenv("PIPELOCK_HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setattr(_authority, "this_machine", one.machine)
    monkeypatch.setattr(_stores, "run_program", lambda _command: "")
    return one


def fill(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = host.hook.parents[2]
    environ = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    subprocess.run(["git", "init", "-q", str(repository)], check=True, env=environ, timeout=30)
    monkeypatch.chdir(repository)
    assert main(["tls", "init"]) == 0
    assert main(["tls", "install-ca"]) == 0
    assert main(["service", "install"]) == 0
    assert main(["git", "install-hooks"]) == 0
    assert len(list(host.anchors.iterdir())) == 1
    assert host.hook.exists()
    assert host.unit.exists()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_everything_goes_and_nothing_else(
    host: Host, run: Run, monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon
) -> None:
    before = sorted(str(path) for path in host.user.rglob("*") if path.is_file())
    fill(host, monkeypatch)
    caches = host.user / ".cache/pipelock/caches"
    (caches / "npm").mkdir(parents=True)
    code, out, _ = run("uninstall", "--dry-run", "--purge")
    assert code == 0
    for path in (host.unit, host.hook, host.home, caches):
        assert f"would remove {path}\n" in out
        assert path.exists()

    daemon.up = True
    code, out, _ = run("uninstall", "--purge")
    assert code == 1
    assert "a daemon that runs (pid 4321)" in out
    assert [host.unit.exists(), host.hook.exists(), list(host.anchors.iterdir())] == [False, False, []]
    assert (host.home / "ca-key.pem").exists(), "the home stays as long as something is left to do"

    daemon.up = False
    code, out, _ = run("uninstall")
    assert code == 0
    assert "nothing of ours is installed elsewhere" in out
    assert "--purge removes it, too" in out
    code, out, _ = run("uninstall", "--purge", "--json")
    assert (code, json.loads(out)["data"]) == (0, [str(host.home), str(caches)])
    assert sorted(str(path) for path in host.user.rglob("*") if path.is_file()) == before
    assert run("uninstall", "--purge")[0] == 0


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_what_was_changed_and_what_needs_root_stays_and_is_named(
    host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(host, monkeypatch)
    host.hook.write_text(host.hook.read_text() + "echo mine\n")
    host.unit.write_text("mine")
    host.is_root = False
    code, out, _ = run("uninstall", "--purge")
    assert code == 1
    for thing in (host.hook, host.unit):
        assert f"    {thing}: it was changed" in out
        assert thing.exists()
    assert "update-ca-certificates" in out
    assert (host.home / "installed.json").exists()


def test_a_hook_that_went_with_its_repository_is_forgotten(
    host: Host, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Manifest(host.home).add(host.hook, b"text", "pipelock", HOOK)
    assert run("uninstall")[0] == 0
    assert Manifest(host.home).entries == ()


@pytest.mark.parametrize("name", ["notes.txt", "src"])
def test_a_home_that_holds_anything_else_is_not_removed(host: Host, run: Run, name: str) -> None:
    host.home.mkdir()
    (host.home / "audit").mkdir()
    (host.home / name).mkdir()
    code, _, err = run("uninstall", "--purge")
    assert (code, name in err, host.home.exists()) == (1, True, True)


def test_nor_one_that_is_the_user_s_own(host: Host, run: Run, tmp_path: Path) -> None:
    assert run("--home", str(host.user), "uninstall", "--purge")[0] == 1
    assert run("--home", str(tmp_path), "uninstall", "--purge")[0] == 1
    (tmp_path / "link").symlink_to(host.root)
    assert run("--home", str(tmp_path / "link"), "uninstall", "--purge")[0] == 1
    assert host.user.exists()


def test_what_can_t_be_read_is_not_guessed_at(host: Host, run: Run) -> None:
    host.home.mkdir()
    (host.home / "installed.json").write_text("{")
    code, _, err = run("uninstall")
    assert (code, "can't be used" in err) == (1, True)


@pytest.mark.parametrize(
    ("prefix", "command"),
    [
        ("/home/u/.local/share/uv/tools/pipelock", "uv tool uninstall pipelock"),
        ("/home/u/.local/share/pipx/venvs/pipelock", "pipx uninstall pipelock"),
        ("/opt/homebrew/Cellar/pipelock/1.0/libexec", "brew uninstall pipelock"),
        ("/home/u/.local/share/pipelock/venv", "sh install.sh --uninstall"),
        ("/home/u/work/.venv", "pip uninstall pipelock"),
    ],
)
def test_what_removes_the_package(prefix: str, command: str) -> None:
    assert uninstall.package_command(prefix) == command


def test_a_system_without_services(host: Host, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert json.loads(run("uninstall", "--json")[1])["service"] is None
