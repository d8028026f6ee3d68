from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelock.cli import _trust_command
from pipelock.cli._trust import Loan
from pipelock.cli.main import main
from pipelock.trust.sightings import Sighting

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]


class Instance:
    proxy = "http://127.0.0.1:4711"

    def __init__(self) -> None:
        self.seen: dict[str, Sighting] = {}
        self.config: Path | None = None
        self.loan: Loan | None = None

    def sightings(self) -> dict[str, Sighting]:
        return self.seen

    @contextmanager
    def start(self, folder: Path, config: Path | None, loan: Loan) -> Iterator[Instance]:
        self.config, self.loan = config, loan
        yield self


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon) -> Instance:
    daemon.up = False
    fake = Instance()
    monkeypatch.setattr(_trust_command, "private_daemon", fake.start)
    monkeypatch.setattr(_trust_command, "SETTLE_SECONDS", 0)
    return fake


def doctor(run: Run, code: str, *options: str) -> tuple[int, str, str]:
    return run("trust", "doctor", *options, "--", sys.executable, "-c", code)


def test_the_command_has_the_variables_and_its_hosts_are_told(instance: Instance, run: Run, tmp_path: Path) -> None:
    instance.seen = {"a.test": Sighting(connects=1, requests=3)}
    note = tmp_path / "note"
    code = f"import os; open({str(note)!r}, 'w').write(os.environ['https_proxy'] + os.environ['SSL_CERT_FILE'])"
    status, out, _ = doctor(run, code)
    assert status == 0
    assert note.read_text() == f"http://127.0.0.1:4711{tmp_path}/trust/bundle.pem"
    assert out.splitlines()[1:] == [
        "the command ended with code 0",
        "HOST    TUNNELS  REQUESTS  REFUSALS  BLOCKED  RESULT",
        "a.test  1        3         0         0        ok",
    ]


def test_the_user_s_own_policy_is_in_force(instance: Instance, run: Run, tmp_path: Path) -> None:
    instance.seen = {"a.test": Sighting(connects=1, blocks=1, blocked="not listed")}
    (tmp_path / "own.yaml").write_text("mode: strict\n")
    status, out, _ = doctor(run, "raise SystemExit(3)", "-c", str(tmp_path / "own.yaml"))
    assert (status, instance.config) == (0, tmp_path / "own.yaml")
    assert instance.loan is not None
    assert instance.loan.certificate == str(tmp_path / "ca.pem")
    assert instance.loan.sentinel == str(tmp_path / "KILL")
    assert "ended with code 3" in out
    assert "a.test: not listed" in out


def test_who_refuses_our_certificate_is_named(instance: Instance, run: Run) -> None:
    instance.seen = {"a.test": Sighting(2, 2), "b.test": Sighting(1, refusals=1, refusal="unknown\x07 ca")}
    status, out, _ = doctor(run, "")
    assert status == 1
    assert "b.test  1        0         1         0        refuses our certificate" in out.splitlines()
    assert "b.test: unknown\\x07 ca" in out


def test_a_command_that_nobody_saw(instance: Instance, run: Run) -> None:
    status, out, _ = doctor(run, "")
    assert status == 1
    assert "Nothing came to the proxy" in out


def test_json_is_not_mixed_with_the_command_s_output(instance: Instance, capfd: pytest.CaptureFixture[str]) -> None:
    instance.seen = {"a.test": Sighting(connects=1)}
    assert main(["trust", "doctor", "--json", "--", sys.executable, "-c", "print('its own'); raise SystemExit(4)"]) == 0
    out, err = capfd.readouterr()
    assert err.splitlines()[-1] == "its own"
    assert json.loads(out) == {
        "exit_code": 4,
        "hosts": [
            {
                "host": "a.test",
                "outcome": "silent",
                "connects": 1,
                "requests": 0,
                "refusals": 0,
                "refusal": "",
                "blocks": 0,
                "blocked": "",
                "trouble": "",
            }
        ],
    }


def test_a_command_that_can_not_be_started(instance: Instance, run: Run) -> None:
    code, _, err = run("trust", "doctor", "--", "/nonexistent/x")
    assert code == 2
    assert "/nonexistent/x: No such file" in err
