from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelock.cli import trust
from pipelock.trust.doctor import Result, Scene
from pipelock.trust.instance import InstanceError
from pipelock.trust.probes import PROBES, Probe
from pipelock.trust.sightings import Outcome, Sighting

from .conftest import FakeDaemon

Run = Callable[..., tuple[int, str, str]]


class Instance:
    proxy = "http://127.0.0.1:4711"

    def sightings(self) -> dict[str, Sighting]:
        return {}


class Doctor:
    """Stands in for the private daemon and for the trying out."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.why = ""
        self.config = ""
        self.scene: Scene | None = None

    @contextmanager
    def private_daemon(self, folder: Path, config: Path) -> Iterator[Instance]:
        self.config = config.read_text()
        assert (folder / "home").stat().st_mode & 0o777 == 0o700
        if self.why:
            raise InstanceError(self.why)
        yield Instance()

    def examine(self, probes: Sequence[Probe], scene: Scene) -> list[Result]:
        self.scene = scene
        scene.began(1, 2, "curl")
        return self.results


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon) -> Doctor:
    daemon.up = False
    fake = Doctor()
    monkeypatch.setattr(trust, "private_daemon", fake.private_daemon)
    monkeypatch.setattr(trust, "examine", fake.examine)
    return fake


def result(outcome: Outcome, key: str = "curl", **changes: str) -> Result:
    fields = {"title": key, "program": f"/bin/{key}", "version": "1.2", "detail": "", "fix": "", **changes}
    return Result(key=key, outcome=outcome, seconds=0.1, **fields)


def test_all_is_well(doctor: Doctor, run: Run, tmp_path: Path) -> None:
    doctor.results = [result(Outcome.GOOD)]
    code, out, err = run("trust", "doctor")
    assert (code, err) == (0, f"pipelock: made a certificate authority for this machine: {tmp_path}/ca.pem\n")
    assert out.splitlines()[:2] == [
        "PROGRAM  VERSION  PROXY  CERTIFICATE  RESULT",
        "curl     1.2      yes    yes          ok",
    ]
    assert "1 of 1 use the proxy and trust it." in out
    absent = [probe.title for probe in PROBES if probe.key != "curl"]
    assert f"not here: {', '.join(absent)}" in out


def test_programs_get_the_variables_of_env_and_our_own_authority(doctor: Doctor, run: Run, tmp_path: Path) -> None:
    run("trust", "doctor")
    assert doctor.scene is not None
    assert doctor.scene.environ["HTTPS_PROXY"] == "http://127.0.0.1:4711"
    assert doctor.scene.environ["SSL_CERT_FILE"] == str(tmp_path / "trust" / "bundle.pem")
    assert json.loads(doctor.config)["tls_interception"]["ca_cert"] == str(tmp_path / "ca.pem")


def test_what_is_wrong_is_said_with_its_fix(doctor: Doctor, run: Run) -> None:
    doctor.results = [
        result(Outcome.GOOD),
        result(Outcome.REFUSED, "wget", detail="no\x1b[2J trust", fix="install it", version=""),
        result(Outcome.IGNORED, "node", fix="newer"),
        result(Outcome.MISSING, "httpx"),
    ]
    code, out, _ = run("trust", "doctor")
    assert code == 1
    lines = out.splitlines()
    assert "wget     ?        yes    no           refuses our certificate" in lines
    assert "node     1.2      no     -            ignores the proxy" in lines
    at = lines.index("wget refuses our certificate")
    assert lines[at + 1 : at + 3] == ["  fix:  install it", r"  said: no\x1b[2J trust"]
    assert "1 of 3 use the proxy" in out
    assert "httpx  " not in out


def test_json(doctor: Doctor, run: Run, tmp_path: Path) -> None:
    doctor.results = [result(Outcome.GOOD), result(Outcome.REFUSED, "wget", fix="install it")]
    code, out, _ = run("trust", "doctor", "--json")
    values = json.loads(out)
    assert code == 1
    assert values["summary"] == {"tried": 2, "good": 1, "bad": 1}
    assert values["authority"] == str(tmp_path / "ca.pem")
    assert values["programs"][1] == {
        "key": "wget",
        "title": "wget",
        "program": "/bin/wget",
        "version": "1.2",
        "outcome": "refused_ca",
        "detail": "",
        "fix": "install it",
        "seconds": 0.1,
        "proxy_honoured": True,
        "authority_honoured": False,
    }
    assert "uv" in values["not_found"]


def test_nothing_installed_is_no_complaint(doctor: Doctor, run: Run) -> None:
    code, out, _ = run("trust", "doctor")
    assert (code, out.count("\n")) == (0, 1)


def test_a_daemon_that_does_not_start_is_an_error_of_its_own(doctor: Doctor, run: Run) -> None:
    doctor.why = "address in use"
    code, out, err = run("trust", "doctor")
    assert (code, out) == (2, "")
    assert "the private daemon did not start: address in use" in err


def test_half_an_authority_is_one_too(doctor: Doctor, run: Run, tmp_path: Path) -> None:
    (tmp_path / "ca-key.pem").touch(0o600)
    assert run("trust", "doctor")[:2] == (2, "")


def test_every_outcome_that_is_shown_has_a_word() -> None:
    assert set(trust._WORDS) == set(Outcome) - {Outcome.MISSING}


def test_progress_is_one_line_that_is_cleared(
    doctor: Doctor, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    _, _, err = run("trust", "doctor")
    assert err.endswith("\r\x1b[K1/2 curl\r\x1b[K")
