"""`pipelock trust doctor` and `pipelock env` with real programs, a real daemon and real TLS, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelock.trust.origin import Origin

from .conftest import BASE_CONFIG, PIPELOCK, DaemonProcess, copy_compiled

pytestmark = pytest.mark.e2e

# A program that knows better than its environment: it dials the server itself.
AROUND = """\
#!{python}
import socket, ssl, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[-1])
sock = socket.create_connection(("127.0.0.1", url.port), timeout=5)
ssl.create_default_context().wrap_socket(sock, server_hostname=url.hostname)
"""
DEAF = "#!/bin/sh\nexit 0\n"
DISTRUSTFUL = '#!/bin/sh\nenv -u CURL_CA_BUNDLE -u SSL_CERT_FILE -u SSL_CERT_DIR {curl} "$@"\n'


@pytest.fixture
def machine(tmp_path: Path, compiled: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `pipelock` where the only programs are those that a test installs in `bin`."""
    (tmp_path / "bin").mkdir()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    copy_compiled(compiled, home / "cache")
    environ = {name: value for name, value in os.environ.items() if "CERT" not in name and "_CA" not in name}
    environ |= {"PIPELOCK_HOME": str(home), "PATH": str(tmp_path / "bin"), "SHELL": "/bin/sh"}

    def go(*words: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PIPELOCK, *words], env=environ, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path
        )
        copy_compiled(home / "cache", compiled)
        return done

    return go


def install(tmp_path: Path, name: str, text: str = "") -> None:
    target = tmp_path / "bin" / name
    if text:
        target.write_text(text)
        target.chmod(0o755)
    else:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"no {name}")
        target.symlink_to(found)


def test_each_kind_of_program_is_told_from_the_others(
    tmp_path: Path, machine: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    curl = shutil.which("curl")
    for name in ("curl", "git", "sh", "env"):
        install(tmp_path, name)
    install(tmp_path, "python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    install(tmp_path, "wget", AROUND.format(python=sys.executable))
    install(tmp_path, "node", DEAF)
    install(tmp_path, "php", DISTRUSTFUL.format(curl=f"{curl} -sS --max-time 5 -o /dev/null --next"))
    done = machine("trust", "doctor", "--json")
    assert done.returncode == 1, done.stderr
    found: dict[str, dict[str, Any]] = {entry["key"]: entry for entry in json.loads(done.stdout)["programs"]}
    outcomes = {key: entry["outcome"] for key, entry in found.items()}
    assert outcomes.pop("curl") == "good"
    assert outcomes.pop("git") == "good"
    assert outcomes.pop("python-urllib") == "good"
    assert outcomes.pop("wget") == "direct"
    assert outcomes.pop("node-fetch") == outcomes.pop("node-https") == "ignored_proxy"
    assert outcomes.pop("php-curl") == "refused_ca"
    assert "unknown ca" in found["php-curl"]["detail"]
    assert found["curl"]["version"][:1].isdigit()
    assert found["wget"]["fix"]


def test_a_command_of_one_s_own_is_watched(
    tmp_path: Path, machine: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for name in ("curl", "sh"):
        install(tmp_path, name)
    (tmp_path / "own.yaml").write_text("fetch_proxy: {monitoring: {blocklist: [evil.example]}}\n")
    script = "curl -sS --max-time 30 https://evil.example/x; exit 7"
    done = machine("trust", "doctor", "-c", str(tmp_path / "own.yaml"), "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    assert "ended with code 7" in done.stdout
    row = next(line for line in done.stdout.splitlines() if line.startswith("evil.example "))
    assert row.split() == ["evil.example", "1", "0", "0", "1", "blocked"]
    # Nothing of it is left in the user's home but what `pipelock env` makes.
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["ca-key.pem", "ca.pem", "cache", "trust"]


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_a_shell_that_took_the_variables_reaches_the_server_through_the_daemon(
    tmp_path: Path, shared_server: tuple[Origin, DaemonProcess], shell: str
) -> None:
    program, curl = shutil.which(shell), shutil.which("curl")
    if program is None or curl is None:
        pytest.skip(f"no {shell} or no curl")
    origin, daemon = shared_server
    script = f'eval "$({PIPELOCK} env --shell {shell})"' if shell != "fish" else f"{PIPELOCK} env --shell fish | source"
    script += f"; {curl} -sS --max-time 30 https://{shell}.doctor.test:{origin.port}/probe"
    environ = {name: value for name, value in daemon.environ.items() if "CERT" not in name and "_CA" not in name}
    done = subprocess.run([program, "-c", script], env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stderr
    urls = [line["url"] for line in daemon.lines() if line.get("kind") == "request"]
    assert f"https://{shell}.doctor.test:{origin.port}/probe" in urls


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[tuple[Origin, DaemonProcess]]:
    """A TLS server, and a daemon that opens the tunnels to it; in a folder whose name has to be quoted."""
    folder = tmp_path_factory.mktemp("it's a $place")
    with Origin(folder, ["doctor.test"]) as origin:
        overrides = ", ".join(f'"{shell}.doctor.test": ["127.0.0.1"]' for shell in ("sh", "bash", "zsh", "fish"))
        config = f"""{BASE_CONFIG}
tls_interception: {{enabled: true, upstream_ca: ["{origin.authority}"]}}
dns: {{host_overrides: {{{overrides}}}}}
"""
        daemon = DaemonProcess(folder / "home", config, compiled=compiled)
        try:
            daemon.start()
            yield origin, daemon
        finally:
            daemon.stop()
