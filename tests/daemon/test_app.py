"""The daemon on a reactor in memory: settings that reach every listener."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from pipelock.config import loads
from pipelock.control.backend import BackendError
from pipelock.daemon.app import Daemon, DaemonPlace
from pipelock.model import ConfigReloaded, KillSwitchChanged
from tests.factories import a_policy
from tests.proxy.lines import Line

TEXT = "mode: balanced\nmetrics_listen: 127.0.0.1:9091\n"


class Home:
    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.text = TEXT
        self.reactor: Any = MemoryReactorClock()
        place = DaemonPlace(home=tmp_path, read=lambda: loads(self.text, "test"), environ={})
        # Compiling the real rules takes seconds and has tests of its own.
        monkeypatch.setattr("pipelock.daemon.reloading.compile_policy", lambda *_, **__: a_policy(hash="p2"))
        self.daemon = Daemon(self.reactor, place, loads(TEXT, "test"), a_policy())
        self.events: list[Any] = []
        publish = self.daemon.bus.publish
        monkeypatch.setattr(self.daemon.bus, "publish", lambda event: (self.events.append(event), publish(event))[1])
        monkeypatch.setattr(self.daemon, "_in", lambda _pool, call, then: then(call()))

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Home(tmp_path, monkeypatch)
    made.daemon.start()
    yield made
    made.daemon.stop()


def test_the_metrics_have_a_listener_of_their_own(home: Home) -> None:
    assert [server[0] for server in home.reactor.tcpServers] == [8888, 9091]
    assert set(home.daemon.context.routes) == {"/health"}


def asked(home: Home, listener: int, path: str) -> Any:
    connection = home.reactor.tcpServers[listener][1].buildProtocol(None)
    own = next(name for name in connection.context.local_names if name.startswith("localhost:"))
    host = own if path.startswith("/") else "example.com"
    line = Line()
    connection.makeConnection(line)
    connection.dataReceived(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    heard = line.value()
    connection.connectionLost(Failure(ConnectionDone()))
    return heard


def test_the_listener_of_the_metrics_carries_nothing(home: Home) -> None:
    home.text = TEXT + "websocket_proxy:\n  enabled: true\nforward_proxy:\n  enabled: true\n"
    for _ in range(2):
        for path in ("/fetch?url=http://example.com/", "/ws?url=ws://example.com/"):
            assert asked(home, 1, path).startswith(b"HTTP/1.1 404 ")
        assert asked(home, 1, "http://example.com/").startswith(b"HTTP/1.1 405 ")
        assert asked(home, 1, "/metrics").startswith(b"HTTP/1.1 200 ")
        home.daemon.request_reload()


def test_a_reload_swaps_the_policy_for_every_listener(home: Home) -> None:
    home.text = TEXT + "kill_switch:\n  metrics_exempt: false\n"
    home.daemon.request_reload()
    assert home.daemon.status().policy == "p2"
    assert [event.ok for event in home.of(ConfigReloaded)] == [True]
    for server in home.reactor.tcpServers:
        connection = server[1].buildProtocol(None)
        assert not connection.context.settings.metrics_exempt


def test_a_reload_leaves_one_compiled_policy(home: Home) -> None:
    home.text = TEXT + "kill_switch:\n  metrics_exempt: false\n"
    home.daemon.request_reload()
    replaced = weakref.ref(home.daemon.engine.policy.secrets)
    home.text = TEXT
    home.daemon.request_reload()
    home.reactor.advance(0)
    assert replaced() is None


def test_what_a_reload_gives_up_is_told_once(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.text = TEXT + "enforce: false\nfetch_proxy: {listen: '127.0.0.1:8889'}\n"
    home.daemon.request_reload()
    (event,) = home.of(ConfigReloaded)
    assert event.weaker
    assert event.detail.startswith("a new policy is in force; needs a restart: ")
    assert event.weaker[0] not in event.detail, "whoever shows it shows both"
    assert f"; weaker: {event.weaker[0]}" in capsys.readouterr().err


def test_a_broken_file_changes_nothing(home: Home) -> None:
    home.text = "mode: [\n"
    with pytest.raises(BackendError):
        home.daemon.request_reload()
    assert home.daemon.status().policy == "p1"
    assert [event.ok for event in home.of(ConfigReloaded)] == [False]


def test_whoever_waits_for_a_reload_hears_when_its_policy_is_in_force(home: Home, monkeypatch: Any) -> None:
    started: list[Any] = []
    monkeypatch.setattr(home.daemon, "_in", lambda _pool, call, then: started.append(lambda: then(call())))
    heard: list[Any] = []
    home.text = changed = TEXT + "kill_switch:\n  metrics_exempt: false\n"
    for _ in range(2):
        home.daemon.reload_then(heard.append)
    home.text = "mode: [\n"
    home.daemon.reload_then(heard.append)
    assert [type(one) for one in heard] == [BackendError]
    home.text = changed
    started.pop()()
    assert heard[1:] == ["a new policy is in force"]
    started.pop()()
    assert heard[2:] == ["the policy is the same"]
    assert not started


def test_whoever_waits_for_a_reload_hears_why_there_is_none(home: Home, monkeypatch: Any) -> None:
    started: list[Any] = []
    monkeypatch.setattr(home.daemon, "_in", lambda _pool, _call, then: started.append(then))
    heard: list[Any] = []
    for _ in range(2):
        home.daemon.reload_then(heard.append)
    home.text = "mode: [\n"
    started.pop()(Failure(OSError("no memory")))
    assert [(type(one), one.message.split(":")[0]) for one in heard[:1]] == [(BackendError, "no memory")]
    assert len(heard) == 2
    assert isinstance(heard[1], BackendError)
    assert not started


def test_each_source_of_the_kill_switch_is_told(home: Home, tmp_path: Path) -> None:
    home.daemon.switch_kill(True, "ann")
    home.daemon.switch_kill(False, "ann")
    home.daemon.toggle_by_signal()
    home.daemon.toggle_by_signal()
    (tmp_path / "KILL").touch()
    home.reactor.advance(1)
    assert home.daemon.status().kill_switch.active
    assert len(home.of(KillSwitchChanged)) == 5
