"""For tests of whatever talks to the daemon: a daemon that does as it is told, behind the real server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar, cast

import msgspec
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import blockingCallFromThread

from pipelock.control.backend import BackendError
from pipelock.control.listen import ControlPort, listen
from pipelock.control.peers import read_daemon_facts
from pipelock.control.server import ControlServer
from pipelock.door.bus import CAPACITY, EventBus
from pipelock.door.edges import UnixReactor
from pipelock.model import ActionSummary, Answer, KillSwitchState, Kind, Notice, Pending, Session, Status, Transport

__all__ = ["FakeBackend", "LoopbackDaemon", "ThreadReactor", "make_pending"]

R = TypeVar("R")


def make_pending(number: int, **changes: object) -> Pending:
    """Pending item `number`, with binding `b{number}` and the fields in `changes`."""
    action = ActionSummary(id=f"a{number}", kind=Kind.REQUEST, transport=Transport.FORWARD, url="http://x.test/")
    item = Pending(
        id=str(number),
        group=f"g{number}",
        action=action,
        reason="a rule asks",
        held_at=1.0,
        expires_at=61.0,
        binding=f"b{number}",
    )
    return msgspec.structs.replace(item, **changes)


class FakeBackend:
    """A `Backend` without a daemon: two pending items, answers and switches remembered.

    Attributes:
        items: What waits.
        known: The sessions.
        answers: What was answered: id, answer and binding.
        killed: How the kill switch was moved, and by whom.
        present: Dashboards there.
        on_reload: What `reload` does.
    """

    def __init__(self, epoch: str = "run-1", capacity: int = CAPACITY) -> None:
        self.epoch = epoch
        self.version = "9.9"
        self.bus = EventBus(lambda: 100.0, capacity)
        self.items: list[Pending] = [make_pending(1), make_pending(2)]
        self.known: list[Session] = []
        self.answers: list[tuple[str, Answer, str]] = []
        self.killed: list[tuple[bool, str]] = []
        self.present = 0
        self.on_reload: Callable[[], str] = lambda: "policy unchanged"

    def status(self) -> Status:
        """A balanced daemon on port 8888."""
        return Status(
            version=self.version,
            pid=os.getpid(),
            mode="balanced",
            enforce=True,
            listen="127.0.0.1:8888",
            config_path="",
            policy="0" * 16,
            started_at=1.0,
            kill_switch=KillSwitchState(active=False),
            pending=len(self.items),
            dashboards=self.present,
            last_seq=self.bus.last_seq,
        )

    def pending(self) -> list[Pending]:
        """`items`."""
        return list(self.items)

    def sessions(self) -> list[Session]:
        """`known`."""
        return list(self.known)

    def answer(self, pending_id: str, answer: Answer, binding: str) -> int:
        """Take the item away and remember the answer."""
        found = next((item for item in self.items if item.id == pending_id), None)
        if found is None:
            raise BackendError("not_found", f"nothing waits under {pending_id}")
        if binding not in {"", found.binding}:
            raise BackendError("stale", "that is not what you saw")
        self.items.remove(found)
        self.answers.append((pending_id, answer, binding))
        return found.twins

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:  # noqa: FBT001 - the interface's signature
        """Remember it."""
        self.killed.append((active, by))
        return KillSwitchState(active, {"api": active})

    def reload(self) -> str:
        """Whatever `on_reload` does."""
        return self.on_reload()

    def attended(self, delta: int) -> None:
        """Count."""
        self.present += delta

    def say(self, text: str) -> int:
        """Publish a notice; its number."""
        return self.bus.publish(Notice("info", text)).seq


class ThreadReactor(UnixReactor, Protocol):
    """A reactor that runs in another thread."""

    def callFromThread(self, callable: Callable[..., object], *args: object) -> None:  # noqa: A002 - Twisted's name
        """Call in the reactor's thread."""


class LoopbackDaemon:
    """The real server on a real socket in front of a `FakeBackend`, to be started, stopped and started again.

    `reactor` runs in another thread than the caller's. The calling process plays the daemon: what it starts counts as
    launched by it, and `watched` are the agents.
    """

    def __init__(self, reactor: ThreadReactor, path: Path) -> None:
        self.reactor = reactor
        self.path = path
        self.backend = FakeBackend()
        self.watched: set[tuple[int, int]] = set()
        self._server: ControlServer | None = None
        self._port: ControlPort | None = None

    def run(self, function: Callable[..., R], *args: object) -> R:
        """The result of `function`, called in the reactor's thread; a Deferred is waited for."""
        return blockingCallFromThread(cast("IReactorFromThreads", self.reactor), function, *args)

    def start(self) -> None:
        """Listen; raises what `listen` raises."""
        server = ControlServer(self.backend, self.reactor, read_daemon_facts(), lambda: self.watched)
        self._port = self.run(lambda: listen(self.reactor, self.path, server))
        self._server = server

    def stop(self) -> None:
        """Say goodbye and be gone; harmless when done already."""
        if self._port is not None and self._server is not None:
            self.run(self._port.stop)
            self.run(self._server.close)
        self._port = self._server = None

    def replace_backend(self, backend: FakeBackend) -> None:
        """Start again as another run of the daemon."""
        self.stop()
        self.backend = backend
        self.start()

    def drop(self) -> None:
        """Cut every connection without a word, as a crash does."""
        if self._server is not None:
            self.run(self._server.abort)

    def say(self, *texts: str) -> None:
        """Publish notices."""
        for text in texts:
            self.run(self.backend.say, text)

    def connections(self) -> int:
        """How many there are."""
        return self._server.connections if self._server is not None else 0
