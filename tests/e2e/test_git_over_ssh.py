"""git over SSH, with OpenSSH at both ends, through the daemon: what is declared passes, and is told by its own words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import PATIENCE, PIPELOCK, DaemonProcess, Trust, intercepting, wait_for
from tests.e2e.ssh_server import SecureShell, needs_ssh

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureShell]:
    needs_ssh()
    one = SecureShell(tmp_path_factory.mktemp("ssh"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def daemon(
    tmp_path_factory: pytest.TempPathFactory, compiled: Path, server: SecureShell, trust: Trust
) -> Iterator[DaemonProcess]:
    """Tunnels are read, but for one to the server by its one name; a person is asked about that."""
    config = intercepting(trust).replace(
        "forward_proxy: {enabled: true}", f"forward_proxy: {{enabled: true, raw_tcp: ['localhost:{server.port}']}}"
    )
    assert "raw_tcp" in config
    config += f"egress_rules: [{{name: ssh, action: ask, host: localhost, port: {server.port}, method: CONNECT}}]\n"
    config += "approvals: {unattended: hold, timeout_seconds: 120}\n"
    one = DaemonProcess(tmp_path_factory.mktemp("daemon") / "home", config, compiled=compiled)
    yield one.start()
    one.stop()


def started(daemon: DaemonProcess, server: SecureShell, cwd: Path, *words: str) -> subprocess.Popen[str]:
    options = f"-F /dev/null -i {server.folder / 'client'} -o IdentitiesOnly=yes -o BatchMode=yes"
    options += f" -o UserKnownHostsFile={server.folder / 'known'} -o GlobalKnownHostsFile=/dev/null"
    environ = {
        **os.environ, "HTTPS_PROXY": daemon.url, "GIT_SSH_COMMAND": f"{PIPELOCK} ssh -- {options}",
        "GIT_SSH_VARIANT": "ssh", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "d", "GIT_AUTHOR_EMAIL": "d@d",
        "GIT_COMMITTER_NAME": "d", "GIT_COMMITTER_EMAIL": "d@d",
    }  # fmt: skip
    environ.pop("SSH_AUTH_SOCK", None)
    return subprocess.Popen(
        ["git", *words], cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(running: subprocess.Popen[str]) -> None:
    """Wait for success."""
    _, err = running.communicate(timeout=PATIENCE)
    assert running.returncode == 0, err


def answered(daemon: DaemonProcess, running: subprocess.Popen[str], word: str) -> tuple[int, str, str]:
    """Answer what waits; exit code, what it says that it wants, and what git printed."""
    with daemon.client() as operator:
        wait_for(lambda: operator.pending() or running.poll() is not None, what="a prompt")
        items = operator.pending()
    assert len(items) == 1, running.communicate(timeout=PATIENCE)
    daemon.cli(word, items[0].id, check=True)
    out, err = running.communicate(timeout=PATIENCE)
    return running.returncode, items[0].action.remote, out + err


def test_git_pushes_and_clones_over_ssh_with_a_persons_leave(
    daemon: DaemonProcess, server: SecureShell, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    finished(started(daemon, server, work, "init", "-q", "-b", "main"))
    finished(started(daemon, server, work, "remote", "add", "origin", server.url("localhost")))
    (work / "file").write_bytes(os.urandom(2_000_000))
    finished(started(daemon, server, work, "add", "-A"))
    finished(started(daemon, server, work, "commit", "-q", "-m", "one"))

    code, says, told = answered(daemon, started(daemon, server, work, "push", "-q", "origin", "main"), "deny")
    assert code != 0
    assert f"no connection to localhost:{server.port}" in told
    assert says == f"git push {server.url('localhost')}"[:300]

    code, says, told = answered(daemon, started(daemon, server, work, "push", "-q", "origin", "main"), "approve")
    assert (code, told) == (0, "")
    code, says, told = answered(
        daemon, started(daemon, server, tmp_path, "clone", "-q", server.url("localhost"), "copy"), "approve"
    )
    assert (code, told) == (0, "")
    assert says.startswith("git fetch ssh://")
    assert (tmp_path / "copy" / "file").read_bytes() == (work / "file").read_bytes()
    told_of = [line["remote"] for line in daemon.lines() if "remote" in line]
    assert [one.partition(" ssh")[0] for one in told_of] == ["git push", "git push", "git fetch"]
    carried = lambda: (line.get("total_bytes", 0) for line in daemon.lines() if line["event"] == "tunnel_close")  # noqa: E731
    wait_for(lambda: max(carried(), default=0) > 2_000_000, what="the tunnel's end")


def test_what_is_not_declared_is_not_carried(daemon: DaemonProcess, server: SecureShell, tmp_path: Path) -> None:
    running = started(daemon, server, tmp_path, "ls-remote", server.url("127.0.0.1"))
    assert running.communicate(timeout=PATIENCE)[0] == ""
    assert running.returncode != 0
    assert any("forward_proxy.raw_tcp" in line["message"] for line in daemon.lines())
