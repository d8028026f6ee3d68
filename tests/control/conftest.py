"""A daemon to talk to: made-up facts behind the real server."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.threads import blockingCallFromThread

from pipelock.control.backend import BackendError
from pipelock.control.listen import ControlPort, listen
from pipelock.control.peers import read_daemon_facts
from pipelock.control.server import ControlServer
from pipelock.door.bus import EventBus
from pipelock.model import ActionSummary, Answer, KillSwitchState, Kind, Notice, Pending, Session, Status, Transport


def make_pending(number: int, **changes: Any) -> Pending:
    action = ActionSummary(id=f"a{number}", kind=Kind.REQUEST, transport=Transport.FORWARD, url="http://x.test/")
    fields = {
        "id": str(number),
        "group": f"g{number}",
        "action": action,
        "reason": "a rule asks",
        "held_at": 1.0,
        "expires_at": 61.0,
        "binding": f"b{number}",
    }
    return Pending(**{**fields, **changes})


class FakeBackend:
    """A daemon that does what it is told and remembers it."""

    def __init__(self, epoch: str = "run-1", capacity: int = 10_000) -> None:
        self.epoch = epoch
        self.version = "9.9"
        self.bus = EventBus(lambda: 100.0, capacity)
        self.items: list[Pending] = [make_pending(1), make_pending(2)]
        self.known: list[Session] = []
        self.answers: list[tuple[str, Answer, str]] = []
        self.present = 0
        self.killed: list[tuple[bool, str]] = []
        self.reloads: Callable[[], str] = lambda: "policy unchanged"

    def status(self) -> Status:
        return Status(
            version=self.version,
            pid=os.getpid(),
            mode="balanced",
            enforce=True,
            listen="127.0.0.1:8888",
            config_path="",
            policy="0" * 16,
            started_at=1.0,
            kill_switch=KillSwitchState(False),
            last_seq=self.bus.last_seq,
            dashboards=self.present,
        )

    def pending(self) -> list[Pending]:
        return list(self.items)

    def sessions(self) -> list[Session]:
        return list(self.known)

    def answer(self, pending_id: str, answer: Answer, binding: str) -> int:
        found = next((item for item in self.items if item.id == pending_id), None)
        if found is None:
            raise BackendError("not_found", f"nothing waits under {pending_id}")
        if binding and binding != found.binding:
            raise BackendError("stale", "that is not what you saw")
        self.items.remove(found)
        self.answers.append((pending_id, answer, binding))
        return found.twins

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:
        self.killed.append((active, by))
        return KillSwitchState(active, {"api": active})

    def reload(self) -> str:
        return self.reloads()

    def attended(self, delta: int) -> None:
        self.present += delta

    def say(self, text: str) -> int:
        return self.bus.publish(Notice("info", text)).seq


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def new_backend() -> type[FakeBackend]:
    return FakeBackend


@pytest.fixture
def new_pending() -> Callable[..., Pending]:
    return make_pending


@pytest.fixture(scope="session")
def reactor() -> Iterator[EPollReactor]:
    """A reactor of our own in a thread of its own; the tests are the clients."""
    reactor = EPollReactor()
    thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
    thread.start()
    yield reactor
    reactor.callFromThread(reactor.stop)
    thread.join(10)


class Daemon:
    """The real server on a real socket, to be started, stopped and started again."""

    def __init__(self, reactor: EPollReactor, path: Path) -> None:
        self.reactor = reactor
        self.path = path
        self.backend = FakeBackend()
        self.watched: set[tuple[int, int]] = set()
        self.server: ControlServer | None = None
        self.port: ControlPort | None = None

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return blockingCallFromThread(self.reactor, function, *args)

    def start(self) -> None:
        self.server = ControlServer(self.backend, self.reactor, read_daemon_facts(), lambda: self.watched)
        self.port = self.run(listen, self.reactor, self.path, self.server)

    def stop(self) -> None:
        if self.port is not None:
            self.run(self.port.stop)
            self.run(self.server.close)
            self.port = None

    def drop(self) -> None:
        """Cut every connection without a word, as a crash does."""

        def cut() -> None:
            for peer in tuple(self.server._peers):
                peer.transport.abortConnection()

        self.run(cut)

    def say(self, *texts: str) -> None:
        for text in texts:
            self.run(self.backend.say, text)


@pytest.fixture
def daemon(reactor: EPollReactor, tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(reactor, tmp_path / "run" / "control.sock")
    daemon.start()
    yield daemon
    daemon.stop()
