"""OpenSSH's server on loopback, with a repository of git behind it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import PATIENCE, free_port, wait_for

__all__ = ["SecureShell", "needs_ssh", "why_no_ssh"]

SERVER = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
NO_SHELLS = {"nologin", "false"}


class SecureShell:
    """An sshd of this user's own on loopback, a key that it knows, and a repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = free_port()
        for name in ("host", "client"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        shutil.copy(folder / "client.pub", folder / "authorized")
        (folder / "known").write_text(f"* {(folder / 'host.pub').read_text()}")
        lines = [
            f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {folder / 'host'}", "PidFile none", "UsePAM no",
            f"AuthorizedKeysFile {folder / 'authorized'}", "StrictModes no", "PasswordAuthentication no",
            "KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password",
        ]  # fmt: skip
        (folder / "sshd.conf").write_text("\n".join([*lines, ""]))
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder / "project.git")], check=True)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where a server of root's has to lock itself in
        self.log = folder / "sshd.log"
        command = [str(SERVER), "-D", "-f", str(folder / "sshd.conf"), "-E", str(self.log)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for(self._answers, what="sshd")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"sshd ended: {self.log.read_text()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def url(self, host: str) -> str:
        return f"ssh://{self.user}@{host}:{self.port}{self.folder}/project.git"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)


def why_no_ssh() -> str:
    """What is missing for a server; empty where there can be one."""
    if SERVER is None or shutil.which("ssh") is None:
        return "OpenSSH's server and client are not both installed (openssh-server, openssh-client)"
    if Path(pwd.getpwuid(os.getuid()).pw_shell).name in NO_SHELLS:
        return "this user has no login shell, which sshd runs commands with"
    return ""


def needs_ssh() -> None:
    """Skip where there can't be one."""
    if why := why_no_ssh():
        pytest.skip(why)
