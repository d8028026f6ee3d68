from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pipelock.config import loads
from pipelock.trust.instance import Instance, InstanceError, probe_config
from pipelock.trust.sightings import Sighting

GOOD = """
import sys
print("a warning", file=sys.stderr, flush=True)
print("pipelock: listening on 127.0.0.1:4711 (mode strict)", file=sys.stderr, flush=True)
sys.stdin.read()
open(sys.argv[1], "a").close()
"""


def instance(tmp_path: Path, code: str) -> Instance:
    command = [sys.executable, "-c", code, str(tmp_path / "ended")]
    return Instance(command, os.environ, tmp_path / "log", tmp_path / "audit.jsonl")


def test_it_says_where_it_is_and_ends_when_its_input_does(tmp_path: Path) -> None:
    with instance(tmp_path, GOOD) as daemon:
        assert daemon.proxy == "http://127.0.0.1:4711"
        assert daemon.sightings() == {}
        (tmp_path / "audit.jsonl").write_text('{"kind": "connect", "target": "a.test:443"}\nhalf a li')
        assert daemon.sightings() == {"a.test": Sighting(connects=1)}
        assert not (tmp_path / "ended").exists()
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit('config.json:1:1: no such key')", "config.json:1:1: no such key"),
        ("raise SystemExit(3)", "it ended with code 3"),
    ],
)
def test_one_that_does_not_start_says_why(tmp_path: Path, code: str, why: str) -> None:
    with pytest.raises(InstanceError, match=why), instance(tmp_path, code):
        pass


def test_one_that_never_starts_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.trust.instance.START_SECONDS", 0.1)
    with pytest.raises(InstanceError, match="did not start"), instance(tmp_path, "import sys; sys.stdin.read()"):
        pass


def test_one_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelock.trust.instance.STOP_SECONDS", 0.1)
    code = GOOD.replace("sys.stdin.read()", "import time; time.sleep(60)")
    with instance(tmp_path, code) as daemon:
        process = daemon._process
    assert process is not None
    assert process.returncode == -9


def test_its_configuration_lets_nothing_but_the_test_server_be_reached(tmp_path: Path) -> None:
    files = (tmp_path / "ca.pem", tmp_path / "key.pem")
    text = probe_config(["a.pipelock.localhost"], files, tmp_path / "origin.pem", tmp_path / "audit.jsonl")
    config = loads(text, "probe").config
    assert (config.mode, config.egress_default) == ("strict", "block")
    assert [rule.host for rule in config.egress_rules] == ["a.pipelock.localhost"]
    assert config.dns.host_overrides == {"a.pipelock.localhost": ("127.0.0.1",)}
    assert config.tls_interception.enabled
    assert config.tls_interception.ca_cert == str(tmp_path / "ca.pem")
    assert config.tls_interception.passthrough_domains == ()
    assert json.loads(text)["logging"]["file"] == str(tmp_path / "audit.jsonl")
