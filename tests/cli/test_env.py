from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]


def test_the_running_daemon_is_asked_where_it_listens(daemon: FakeDaemon, run: Run) -> None:
    code, out, _ = run("env")
    assert code == 0
    assert "export http_proxy='http://127.0.0.1:8899'" in out.splitlines()


def test_without_a_daemon_the_default_is_taken(daemon: FakeDaemon, run: Run) -> None:
    daemon.up = False
    assert "export HTTPS_PROXY='http://127.0.0.1:8888'" in run("env")[1].splitlines()


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("sh", "export HTTP_PROXY='http://10.0.0.1:80'"),
        ("fish", "set -gx HTTP_PROXY 'http://10.0.0.1:80'"),
        ("powershell", "$env:HTTP_PROXY = 'http://10.0.0.1:80'"),
        ("dotenv", "HTTP_PROXY=http://10.0.0.1:80"),
    ],
)
def test_each_shell_has_its_form(daemon: FakeDaemon, run: Run, shell: str, line: str) -> None:
    lines = run("env", "--shell", shell, "--addr", "10.0.0.1:80")[1].splitlines()
    assert lines[0] == line
    assert len(lines) == (4 if shell == "powershell" else 7)


def test_a_shell_takes_it(daemon: FakeDaemon, run: Run) -> None:
    _, out, _ = run("env", "--addr", "[::1]:3128")
    script = out + 'echo "$http_proxy $HTTPS_PROXY $NODE_USE_ENV_PROXY $no_proxy"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "http://[::1]:3128 http://[::1]:3128 1 localhost,127.0.0.1,::1\n"


def test_an_address_that_would_run_something_is_refused(daemon: FakeDaemon, run: Run) -> None:
    code, out, _ = run("env", "--addr", "x';reboot;':80")
    assert (code, out) == (2, "")
