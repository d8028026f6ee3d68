from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from .conftest import STATUS, FakeDaemon

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.delenv("JAVA_TOOL_OPTIONS", raising=False)
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)


@pytest.fixture
def daemon(daemon: FakeDaemon) -> FakeDaemon:
    """One whose configuration is built in: the file that others name isn't there."""
    daemon.state = msgspec.structs.replace(STATUS, config_path="")
    return daemon


def test_the_running_daemon_is_asked_where_it_listens(daemon: FakeDaemon, run: Run) -> None:
    code, out, _ = run("env")
    assert code == 0
    assert "export http_proxy='http://127.0.0.1:8899'" in out.splitlines()
    assert "SSL_CERT_FILE" not in out


def test_without_a_daemon_the_default_is_taken(daemon: FakeDaemon, run: Run) -> None:
    daemon.up = False
    assert "export HTTPS_PROXY='http://127.0.0.1:8888'" in run("env")[1].splitlines()


def test_without_a_daemon_a_file_says_where_it_will_listen(daemon: FakeDaemon, run: Run, tmp_path: Path) -> None:
    daemon.up = False
    file = tmp_path / "p.yaml"
    file.write_text("fetch_proxy: {listen: '0.0.0.0:9000'}\n")
    assert "export HTTPS_PROXY='http://127.0.0.1:9000'" in run("env", "-c", str(file))[1].splitlines()


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("sh", "export HTTP_PROXY='http://10.0.0.1:80'"),
        ("zsh", "export HTTP_PROXY='http://10.0.0.1:80'"),
        ("fish", "set -gx HTTP_PROXY 'http://10.0.0.1:80'"),
        ("powershell", "$env:HTTP_PROXY = 'http://10.0.0.1:80'"),
        ("dotenv", "HTTP_PROXY=http://10.0.0.1:80"),
    ],
)
def test_each_shell_has_its_form(daemon: FakeDaemon, run: Run, shell: str, line: str) -> None:
    assert run("env", "--shell", shell, "--addr", "10.0.0.1:80")[1].splitlines()[0] == line


def test_the_shell_is_the_user_s(daemon: FakeDaemon, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert run("env")[1].startswith("set -gx HTTP_PROXY")


def test_a_shell_takes_it(daemon: FakeDaemon, run: Run) -> None:
    _, out, _ = run("env", "--addr", "[::1]:3128")
    script = out + 'echo "$http_proxy $HTTPS_PROXY $NODE_USE_ENV_PROXY <$no_proxy>"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "http://[::1]:3128 http://[::1]:3128 1 <>\n"


def test_an_address_that_would_run_something_is_refused(daemon: FakeDaemon, run: Run) -> None:
    code, out, _ = run("env", "--addr", "x';reboot;':80")
    assert (code, out) == (2, "")


def test_trust_comes_with_interception(daemon: FakeDaemon, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("forward_proxy: {enabled: true}\ntls_interception: {enabled: true}\n")
    values = json.loads(run("env", "--shell", "json", "-c", str(file))[1])
    assert values["SSL_CERT_FILE"] == str(tmp_path / "trust" / "bundle.pem")
    assert Path(values["SSL_CERT_FILE"]).read_bytes().endswith((tmp_path / "ca.pem").read_bytes())
    assert "SSL_CERT_FILE" not in json.loads(run("env", "--shell", "json", "-c", str(file), "--no-ca")[1])
    # The running daemon's own file is heeded likewise.
    daemon.state = msgspec.structs.replace(STATUS, config_path=str(file))
    assert "SSL_CERT_FILE" in json.loads(run("env", "--shell", "json")[1])


def test_trust_can_be_asked_for(daemon: FakeDaemon, run: Run, tmp_path: Path) -> None:
    _, out, err = run("env", "--ca")
    assert err == f"pipelock: made a certificate authority for this machine: {tmp_path}/ca.pem\n"
    assert run("env", "--ca")[1:] == (out, "")
    assert f"export GIT_SSL_CAINFO='{tmp_path}/trust/bundle.pem'" in out.splitlines()
    assert run("env", "--ca", "--no-ca")[0] == 2


def test_an_authority_of_the_configuration_is_taken(daemon: FakeDaemon, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("tls_interception: {ca_cert: own/ca.pem, ca_key: own/key.pem}\n")
    values = json.loads(run("env", "--shell", "json", "--ca", "-c", str(file))[1])
    # A file may follow that the user named for Node: then the bundle stands there.
    assert values["NODE_EXTRA_CA_CERTS"] in (str(tmp_path / "own/ca.pem"), values["SSL_CERT_FILE"])
    assert (tmp_path / "own/ca.pem").is_file()


def test_half_an_authority_is_not_completed(daemon: FakeDaemon, run: Run, tmp_path: Path) -> None:
    (tmp_path / "ca-key.pem").touch(0o600)
    code, out, err = run("env", "--ca")
    assert (code, out) == (1, "")
    assert "tls init" in err


def test_exceptions(daemon: FakeDaemon, run: Run) -> None:
    assert "export NO_PROXY='a.example'" in run("env", "--no-proxy", "a.example")[1].splitlines()


def test_everything_can_be_taken_back(daemon: FakeDaemon, run: Run) -> None:
    _, out, _ = run("env", "--ca")
    _, back, _ = run("env", "--unset")
    script = f"{out}{back}env"
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert {line.partition("=")[0] for line in done.stdout.splitlines()} <= {"PATH", "PWD", "_", "SHLVL", "OLDPWD"}


def test_a_home_that_can_not_be_written_is_one_line(
    daemon: FakeDaemon, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PIPELOCK_HOME", str(tmp_path / "file"))
    code, out, err = run("env", "--ca")
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_a_home_that_is_not_unicode(tmp_path: Path) -> None:
    home = os.fsencode(tmp_path) + b"/\xff'$(id)"
    words = [sys.executable, "-m", "pipelock", "env", "--ca", "--shell", "sh"]
    done = subprocess.run(words, capture_output=True, check=True, env={**os.environ, "PIPELOCK_HOME": home})
    assert b"export SSL_CERT_FILE='" + home.replace(b"'", b"'\\''") + b"/trust/bundle.pem'" in done.stdout.splitlines()


@pytest.mark.parametrize("config", ["nothing: true\n", "fetch_proxy: {listen: nowhere}\n"])
def test_a_configuration_that_is_not_valid_is_refused(
    daemon: FakeDaemon, run: Run, tmp_path: Path, config: str
) -> None:
    (tmp_path / "p.yaml").write_text(config)
    assert run("env", "-c", str(tmp_path / "p.yaml"))[:2] == (2, "")
