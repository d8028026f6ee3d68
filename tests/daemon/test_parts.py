"""The daemon's small parts: the watch on the file, the sentinel, the listeners, the agent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from twisted.internet.error import CannotListenError, ProcessDone, ProcessTerminated
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.config import Config
from pipelock.daemon.agent import AgentProcess, agent_environment, trust_files
from pipelock.daemon.listeners import BindError, bind, local_names, split_address
from pipelock.daemon.sentinel import sentinel_probe
from pipelock.daemon.settings import own_authorities
from pipelock.daemon.watch import DEBOUNCE_SECONDS, LOOK_SECONDS, FileWatch
from pipelock.tls.authority import Authority


class Watching:
    def __init__(self, path: Path, *, may_go: bool = False) -> None:
        self.clock = Clock()
        self.calls: list[float] = []
        self.watch = FileWatch(path, self.clock, self.changed, may_go=may_go)
        self.watch.start()

    def changed(self) -> None:
        self.calls.append(self.clock.seconds())


def test_a_change_is_told_once_when_it_has_settled(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a")
    w = Watching(path)
    w.clock.advance(LOOK_SECONDS)
    path.write_text("abc")
    w.clock.advance(LOOK_SECONDS)
    path.write_text("abcdef")  # the editor is not done
    w.clock.advance(DEBOUNCE_SECONDS)
    assert w.calls == []
    w.clock.advance(DEBOUNCE_SECONDS)
    assert len(w.calls) == 1
    for _ in range(5):
        w.clock.advance(LOOK_SECONDS)
    assert len(w.calls) == 1


def test_a_file_that_goes_is_no_change_even_while_it_settles_and_its_return_is_one(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a")
    w = Watching(path)
    path.write_text("abc")
    w.clock.advance(LOOK_SECONDS)
    path.unlink()
    for _ in range(10):
        w.clock.advance(DEBOUNCE_SECONDS)
    assert w.calls == []
    path.write_text("back again")
    w.clock.advance(LOOK_SECONDS)
    w.clock.advance(LOOK_SECONDS)
    assert len(w.calls) == 1
    w.watch.stop()
    assert not w.clock.getDelayedCalls()


def test_where_it_means_something_a_file_that_goes_is_a_change(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("a")
    w = Watching(path, may_go=True)
    path.unlink()
    for _ in range(10):
        w.clock.advance(DEBOUNCE_SECONDS)
    assert len(w.calls) == 1
    path.write_text("back again")
    w.clock.advance(LOOK_SECONDS)
    w.clock.advance(LOOK_SECONDS)
    assert len(w.calls) == 2


def test_only_a_sentinel_that_is_certainly_not_there_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe = sentinel_probe(tmp_path / "KILL")
    assert not probe()
    (tmp_path / "KILL").symlink_to(tmp_path / "nowhere")
    assert probe(), "a dangling link is there"
    (tmp_path / "file").touch()
    assert sentinel_probe(tmp_path / "file" / "KILL")(), "its folder is a file"

    def denied(_path: object) -> os.stat_result:
        raise PermissionError

    monkeypatch.setattr(os, "lstat", denied)
    assert sentinel_probe(tmp_path / "absent")()


@pytest.mark.parametrize(
    ("address", "parts"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8888", ("::1", 8888)), (":9", ("", 9))]
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


def test_local_names_are_those_of_loopback_with_the_port() -> None:
    assert "localhost:8888" in local_names("127.0.0.1:8888", 8888)
    assert "localhost" not in local_names("127.0.0.1:8888", 8888)
    assert "localhost" in local_names("[::1]:80", 80)
    assert local_names("0.0.0.0:8888", 8888) == frozenset()


def test_a_taken_address_is_an_error_that_names_the_key() -> None:
    class Taken:
        def listenTCP(self, port: int, factory: Factory, backlog: int, interface: str) -> Any:
            raise CannotListenError(interface, port, OSError("in use"))

    reactor: Any = Taken()
    with pytest.raises(BindError, match=r"^metrics_listen: cannot listen on 127\.0\.0\.1:9: in use"):
        bind(reactor, "metrics_listen", "127.0.0.1:9", Factory())


def test_the_agent_hears_of_the_proxy_in_both_cases() -> None:
    environ = agent_environment({"HOME": "/h", "https_proxy": "http://old"}, "http://127.0.0.1:8888")
    assert environ["HOME"] == "/h"
    assert {environ[name] for name in ("HTTP_PROXY", "http_proxy", "https_proxy", "all_proxy")} == {
        "http://127.0.0.1:8888"
    }
    assert environ["no_proxy"] == ""  # what runs on this machine is judged as well


def test_the_agent_trusts_what_it_is_shown(tmp_path: Path) -> None:
    config = Config()
    assert trust_files(config, tmp_path, {}) is None
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
    section = msgspec.structs.replace(config.tls_interception, enabled=True)
    files = trust_files(msgspec.structs.replace(config, tls_interception=section), tmp_path, {"PATH": ""})
    environ = agent_environment({}, "http://127.0.0.1:8888", files)
    assert environ["SSL_CERT_FILE"] == str(tmp_path / "trust" / "bundle.pem")
    assert environ["NODE_EXTRA_CA_CERTS"] == str(tmp_path / "ca.pem")


def test_what_authorities_of_our_own_signed_proves_nothing_old_ones_and_idle_ones_included(tmp_path: Path) -> None:
    config = Config()
    assert own_authorities(config, tmp_path) == frozenset()
    first = Authority.create(tmp_path / "ca.pem", tmp_path / "ca-key.pem")
    assert own_authorities(config, tmp_path) == {first.fingerprint}
    (tmp_path / "ca.pem").rename(tmp_path / "ca-old.pem")
    second = Authority.create(tmp_path / "ca.pem", tmp_path / "ca-key.pem", replace=True)
    assert own_authorities(config, tmp_path) == {first.fingerprint, second.fingerprint}
    (tmp_path / "ca.pem").write_text("nothing")
    assert own_authorities(config, tmp_path) == {first.fingerprint}


@pytest.mark.parametrize(
    ("reason", "code"),
    [(ProcessDone(0), 0), (ProcessTerminated(exitCode=3), 3), (ProcessTerminated(signal=15), 143)],
)
def test_exit_codes(reason: Exception, code: int) -> None:
    codes: list[int] = []
    AgentProcess(codes.append).processEnded(Failure(reason))
    assert codes == [code]
