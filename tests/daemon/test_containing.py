"""Launched agents at a whole daemon: what a launcher is told, and what becomes of what it hands over."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelock.control.backend import BackendError, ContainWish, SessionWish
from pipelock.daemon.containment_facts import TRUST_SECONDS
from pipelock.daemon.desk import Desk
from pipelock.model import (
    ContainmentChanged,
    Denial,
    HandedKind,
    HandedSocket,
    OrderVerb,
    SessionVerb,
    WallName,
    WallState,
)
from pipelock.trust.variables import TrustFiles
from tests.proxy.lines import Line

from . import launches
from .launches import KEY, Ear
from .test_app import Home

TEXT = """\
mode: balanced
sandbox:
  on_kill: freeze
  allow: [method=GET host=*.example.com]
agents:
  coder:
    budget: {max_requests_per_session: 5}
    sandbox: {allow: [example.com], host_ports: [5432]}
"""
BOX = msgspec.structs.replace(launches.BOX, started_at=9.0)


class FakePort:
    def __init__(self, factory: Any) -> None:
        self.factory = factory
        self.is_open = True

    def stopListening(self) -> None:
        self.is_open = False


class Boxes(Home):
    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(tmp_path, monkeypatch)
        self.text = TEXT
        self.ports: list[FakePort] = []
        self.reactor.adoptStreamPort = self.adopt
        self.desk = Desk(self.daemon)

    def adopt(self, descriptor: int, family: int, factory: Any) -> FakePort:
        self.ports.append(FakePort(factory))
        return self.ports[-1]

    def launch(self, *rules: str) -> Ear:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            said = HandedSocket(HandedKind.PROXY, listener.getsockname()[1])
            ear = Ear()
            wish = ContainWish(
                contained=BOX, sockets=(said,), descriptors=(os.dup(listener.fileno()),), rules=rules, may_decide=True
            )
            assert self.desk.contain(ear, wish) == KEY
        self.reactor.advance(0)
        return ear


@pytest.fixture
def boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path, monkeypatch)
    boxes.daemon.start()
    boxes.daemon.request_reload()
    yield boxes
    boxes.daemon.stop()


def test_a_launcher_is_told_what_holds_for_its_profile(boxes: Boxes, tmp_path: Path) -> None:
    known = boxes.desk.containment_facts("coder", may_decide=True)
    assert (known.profile, known.profiles, known.may_relay, known.killed) == ("coder", ("coder",), True, False)
    assert (known.settings.rules, known.settings.host_ports) == (("example.com",), (5432,))
    assert known.settings.freeze_on_kill
    assert not known.forwards  # forward_proxy.enabled is off unless a file says so
    assert known.trust == ()  # tunnels are not opened
    assert known.refused_ports == tuple(sorted(boxes.daemon.engine.own_ports))
    assert known.hidden[0] == str(tmp_path)
    assert len(set(known.hidden)) == len(known.hidden)
    assert all(path.startswith("/") for path in known.hidden)
    unknown = boxes.desk.containment_facts("nobody", may_decide=False)
    assert (unknown.profile, unknown.may_relay) == ("", False)
    assert unknown.settings.rules == ("method=GET host=*.example.com",)


def test_the_files_of_trust_are_not_looked_after_for_every_question(
    boxes: Boxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def trust_files(config: object, *_: object) -> TrustFiles:
        asked.append(config)
        return TrustFiles("/ca.pem", "/bundle.pem")

    monkeypatch.setattr("pipelock.daemon.containment_facts.trust_files", trust_files)
    for _ in range(100):
        trust = boxes.desk.containment_facts("coder", may_decide=False).trust
        assert trust == ("/ca.pem", "/bundle.pem", "", "", "")
    assert len(asked) == 1
    boxes.reactor.advance(TRUST_SECONDS)
    boxes.desk.containment_facts("coder", may_decide=False)
    boxes.text = "mode: balanced\n"
    boxes.daemon.request_reload()
    boxes.desk.containment_facts("coder", may_decide=False)
    assert len(asked) == 3


def test_files_that_can_not_be_written_are_told(boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pipelock.daemon.containment_facts.trust_files", breaks)
    with pytest.raises(BackendError, match="no space left"):
        boxes.desk.containment_facts("coder", may_decide=True)


def test_from_the_first_connection_to_the_end(boxes: Boxes) -> None:
    ear = boxes.launch("example.com")
    status = boxes.daemon.status()
    assert (status.contained, status.sessions) == (1, 0)
    (session,) = boxes.desk.sessions()
    assert (session.key, session.walls, session.profile) == (KEY, WallState.UP, "coder")
    assert list(boxes.daemon.engine.own_rules) == [KEY]
    assert boxes.desk.report_denial(ear, Denial(WallName.FILES, "read /x", "not granted"))
    detail = boxes.desk.inspect_session(KEY)
    assert detail.sandbox is not None
    assert (detail.sandbox.denied, detail.sandbox.rules) == (1, ("example.com",))
    boxes.desk.switch_kill(True, "ann")
    boxes.desk.switch_kill(False, "ann")
    boxes.desk.act_on_session(SessionWish(key=KEY, verb=SessionVerb.TERMINATE, by="ann"))
    assert ear.orders == [OrderVerb.THAW, OrderVerb.FREEZE, OrderVerb.THAW, OrderVerb.END]
    boxes.desk.release(ear)
    assert not any(port.is_open for port in boxes.ports)
    assert boxes.daemon.status().contained == 0
    assert list(boxes.daemon.engine.own_rules) == [KEY]  # whatever is still under way stays narrowed
    assert [event.what.value for event in boxes.of(ContainmentChanged)] == ["started", "frozen", "thawed", "lost"]
    log = boxes.daemon.recorder.log.path.read_text("ascii")
    assert [
        word for word in ("sandbox_started", "wall_refused", "sandbox_frozen", "sandbox_lost") if word not in log
    ] == []


def test_a_rule_that_is_none_is_told_with_its_word(boxes: Boxes) -> None:
    with pytest.raises(BackendError, match="methd"):
        boxes.launch("methd=GET")
    assert not boxes.ports


def test_the_names_of_a_reload_hold_at_once(boxes: Boxes) -> None:
    boxes.text = "mode: balanced\n"
    boxes.daemon.request_reload()
    with pytest.raises(BackendError, match="no such profile"):
        boxes.launch()


def test_configs_list_holds_for_who_lives_from_the_reload_on(boxes: Boxes) -> None:
    boxes.launch()
    for written, held in (("[other.test]", 1), ("[]", 0), ("[a.test, b.test]", 1)):
        boxes.text = TEXT.replace("[example.com]", written)
        boxes.daemon.request_reload()
        assert len(boxes.daemon.engine.own_rules.get(KEY, ())) == held
        detail = boxes.desk.inspect_session(KEY)
        assert detail.sandbox is not None
        assert f"[{', '.join(detail.sandbox.config_rules)}]" == written


def test_a_daemon_that_stops_closes_the_ports_and_leaves_the_rest(boxes: Boxes) -> None:
    ear = boxes.launch()
    boxes.daemon.stop_accepting()
    assert not any(port.is_open for port in boxes.ports)
    boxes.daemon.containment.stop()
    boxes.desk.release(ear)  # the control server lets go of its peers after that
    assert ear.orders == [OrderVerb.THAW]


def test_with_the_lease_go_connections_that_have_asked_for_nothing_too(boxes: Boxes) -> None:
    ear = boxes.launch()
    idle, busy, other = Line(), Line(), Line()
    for line in (idle, busy):
        line.protocol = boxes.ports[0].factory.buildProtocol(None)
        line.protocol.makeConnection(line)
    boxes.reactor.tcpServers[0][1].buildProtocol(None).makeConnection(other)
    busy.protocol.dataReceived(b"GET /nothing HTTP/1.1\r\nHost: example.com\r\n\r\n")
    assert len(boxes.daemon.context.connections) == 3
    boxes.desk.release(ear)
    assert [line.is_closing for line in (idle, busy, other)] == [True, True, False]
