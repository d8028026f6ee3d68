"""The doctor's checks, each with what it is about in order and out of order."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelock.config import ConfigError, Loaded, loads
from pipelock.daemon import checks
from pipelock.daemon.checks import Facts, run_checks
from pipelock.model import Check, CheckState
from pipelock.service.manifest import HOOK, Manifest
from tests.tls.peers import authority

NOW = 1_700_000_000.0
OK, WARN, FAIL = CheckState.OK, CheckState.WARN, CheckState.FAIL


def facts(home: Path, text: str = "", **changes: Any) -> Facts:
    home.chmod(0o700)
    audit = home / "audit.jsonl"
    audit.touch(0o600)
    audit.chmod(0o600)
    running = loads(text, "test")
    base = Facts(home=home, running=running, read=lambda: running, audit=audit, matcher="hyperscan", history=3)
    return msgspec.structs.replace(base, **changes)


def found(given: Facts, name: str) -> list[Check]:
    return [check for check in run_checks(given, NOW) if check.name == name]


def test_a_daemon_in_order_passes(tmp_path: Path) -> None:
    assert {check.state for check in run_checks(facts(tmp_path), NOW)} == {OK}


def broken() -> Loaded:
    return loads("mode: [", "test")


@pytest.mark.parametrize(
    ("changes", "name", "state", "says"),
    [
        ({"read": broken}, "configuration", FAIL, "not valid YAML"),
        ({"read": lambda: loads("mode: strict", "x")}, "configuration", WARN, "differs"),
        ({"text": "mode: audit"}, "enforcement", WARN, "nothing is blocked"),
        ({"text": "suppress: [{rule: X, path: '*', expires: 2023-01-01}]"}, "suppressions", WARN, "past their date: X"),
        ({"text": "suppress: [{rule: X, path: '*', expires: 2023-11-20}]"}, "suppressions", WARN, "within 14 days: X"),
        ({"text": "suppress: [{rule: X, path: '*', expires: 2024-11-20}]"}, "suppressions", OK, "1 in force"),
        ({"audit": Path("/nowhere/audit.jsonl")}, "audit log", FAIL, "No such file"),
        ({"sources": ("sentinel", "api")}, "kill switch", WARN, "sentinel, api"),
        ({"matcher": "re2"}, "matcher", WARN, "slower"),
        ({"history": -1}, "history", OK, "off"),
        ({"lost": 5}, "history", WARN, "5 decisions"),
        ({"wall_lag": -7200.0}, "clock", WARN, "-7200 s"),
        ({"text": "egress_default: ask"}, "approvals", WARN, "nobody is there"),
        ({"text": "egress_default: ask", "dashboards": 1}, "approvals", OK, "1 dashboards"),
        ({"certificate": "/nowhere.pem"}, "certificate authority", WARN, "could not be looked at"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path, changes: dict[str, Any], name: str, state: CheckState, says: str
) -> None:
    shown = found(facts(tmp_path, **changes), name)
    assert any(check.state is state and says in check.detail for check in shown), shown


def test_files_that_others_may_read(tmp_path: Path) -> None:
    given = facts(tmp_path, socket=tmp_path / "control.sock")
    (tmp_path / "control.sock").touch()
    (tmp_path / "control.sock").chmod(0o660)
    given.audit.chmod(0o644)
    tmp_path.chmod(0o755)
    assert [found(given, name)[0].state for name in ("home", "control socket", "audit log")] == [FAIL, FAIL, WARN]


@pytest.mark.parametrize(("free", "state"), [(10, FAIL), (500 * 2**20, WARN), (5 * 2**30, OK)])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: CheckState) -> None:
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": free}))
    assert found(facts(tmp_path), "disk")[0].state is state


def test_an_authority_that_ends(tmp_path: Path) -> None:
    signer = authority("An authority")
    certificate, key = tmp_path / "ca.pem", tmp_path / "ca-key.pem"
    certificate.write_bytes(signer.pem)
    key.touch(0o644)
    key.chmod(0o644)
    given = facts(tmp_path, certificate=str(certificate), key=str(key))
    ends = checks.x509.load_pem_x509_certificate(signer.pem).not_valid_after_utc
    for before, state in ((30, OK), (3, WARN), (-1, FAIL)):
        now = (ends - dt.timedelta(days=before)).timestamp()
        shown = [check for check in run_checks(given, now) if check.name == "certificate authority"]
        assert [check.state for check in shown] == [state, FAIL]  # others may read its key


def test_a_check_that_fails_itself_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_path: Path) -> None:
        raise OSError("no such device")

    monkeypatch.setattr(checks.shutil, "disk_usage", fails)
    assert "no such device" in found(facts(tmp_path), "disk")[0].detail


def test_a_configuration_that_is_refused_is_an_error() -> None:
    with pytest.raises(ConfigError):
        broken()


def test_the_service(tmp_path: Path) -> None:
    unit, program = tmp_path / "p.service", tmp_path / "pipelock"
    assert [(check.state, "none" in check.detail) for check in found(facts(tmp_path), "service")] == [(OK, True)]
    Manifest(tmp_path).add(unit, b"text", str(program))
    (check,) = found(facts(tmp_path), "service")
    assert (check.state, "is gone" in check.detail) == (WARN, True)
    unit.write_bytes(b"text")
    (check,) = found(facts(tmp_path), "service")
    assert (check.state, "can't be run" in check.detail) == (FAIL, True)
    program.touch(0o755)
    assert found(facts(tmp_path), "service")[0].state is OK
    hook = tmp_path / "pre-push"
    Manifest(tmp_path).add(hook, b"text", "program-of-nobody", HOOK)
    assert found(facts(tmp_path), "git hook") == []  # with the repository it went
    hook.write_bytes(b"text")
    (check,) = found(facts(tmp_path), "git hook")
    assert (check.state, "every push is refused" in check.detail) == (FAIL, True)
    Manifest(tmp_path).add(hook, b"text", "sh", HOOK)
    assert found(facts(tmp_path), "git hook") == []
    (tmp_path / "installed.json").write_text("{")
    assert found(facts(tmp_path), "service")[0].state is WARN
