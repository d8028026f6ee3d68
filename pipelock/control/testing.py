"""For tests of whatever talks to the daemon: a daemon that does as it is told, behind the real server."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar, cast

import msgspec
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import blockingCallFromThread

from pipelock.control._leases import close_all
from pipelock.control.backend import BackendError, ContainWish, Lease, SessionWish, Then
from pipelock.control.listen import ControlPort, listen
from pipelock.control.peers import Company, read_daemon_facts
from pipelock.control.server import ControlServer
from pipelock.door.bus import CAPACITY, EventBus
from pipelock.door.edges import UnixReactor
from pipelock.model import (
    ActionSummary,
    Answer,
    AuditState,
    Check,
    CheckState,
    ConfigReview,
    ContainmentFacts,
    Denial,
    Fix,
    Grant,
    HistoryPage,
    KillSwitchState,
    Kind,
    Notice,
    Pending,
    RuleKind,
    RuleRow,
    Session,
    SessionActed,
    SessionDetail,
    Status,
    Transport,
)

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
        given: Grants that hold.
        looked: Pending items that somebody looked at.
        wishes: What was done to sessions.
        page: What a search finds.
        fix: What is proposed.
        asked: Other verbs that were called, with their arguments.
        facts: What holds for agents that are to be launched.
        held: What was handed over, by lease; the descriptors are closed when it is released.
        denials: What walls refused.
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
        self.given: list[Grant] = []
        self.unreviewed: tuple[str, ...] = ()
        self.looked: list[str] = []
        self.wishes: list[SessionWish] = []
        self.page = HistoryPage()
        self.fix = Fix(id="f1", action_id="a1", possible=True, words="let this rule rest there")
        self.asked: list[tuple[object, ...]] = []
        self.facts = ContainmentFacts()
        self.held: dict[Lease, ContainWish] = {}
        self.denials: list[Denial] = []

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

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """Take the item away and remember the answer."""
        found = self._waiting(pending_id, binding)
        self.items.remove(found)
        self.answers.append((pending_id, answer, binding))
        return found.twins, None

    def _waiting(self, pending_id: str, binding: str) -> Pending:
        found = next((item for item in self.items if item.id == pending_id), None)
        if found is None:
            raise BackendError("not_found", f"nothing waits under {pending_id}")
        if binding not in {"", found.binding}:
            raise BackendError("stale", "that is not what you saw")
        return found

    def look_at(self, pending_id: str) -> None:
        """Remember it."""
        self._waiting(pending_id, "")
        self.looked.append(pending_id)

    def held_body(self, pending_id: str, binding: str) -> tuple[bytes, str]:
        """Some text."""
        self._waiting(pending_id, binding)
        return b'{"text": "hello"}', "application/json"

    def grants(self) -> list[Grant]:
        """`given`."""
        return list(self.given)

    def unreviewed_grants(self) -> tuple[str, ...]:
        """`unreviewed`."""
        return self.unreviewed

    def revoke_grant(self, grant_id: str, by: str) -> str:
        """Take it out of `given`."""
        found = next((grant for grant in self.given if grant.id == grant_id), None)
        if found is None:
            raise BackendError("not_found", f"no grant is called {grant_id}")
        self.given.remove(found)
        return f"revoked by {by}"

    def review_grants(self, by: str) -> str:
        """All is reviewed."""
        self.unreviewed = ()
        return f"reviewed by {by}"

    def inspect_session(self, key: str) -> SessionDetail:
        """The session in `known`."""
        return SessionDetail(self._session(key), why="nothing counts against it", next="nothing happens by itself")

    def act_on_session(self, wish: SessionWish) -> SessionActed:
        """Remember it."""
        session = self._session(wish.key)
        self.wishes.append(wish)
        return SessionActed(
            key=wish.key, verb=wish.verb, previous_tier=session.tier, new_tier=wish.tier, ended=session.in_flight
        )

    def _session(self, key: str) -> Session:
        found = next((session for session in self.known if session.key == key), None)
        if found is None:
            raise BackendError("not_found", "session not found")
        return found

    def rules(self) -> list[RuleRow]:
        """One rule."""
        return [RuleRow(kind=RuleKind.DETECTION, name="AWS Access ID", action="block", hits=3, source="built-in")]

    def search_history(
        self, query: str, before: int, limit: int, since: float, then: Then[HistoryPage]
    ) -> Callable[[], None]:
        """`page`; a query that starts with `)` can't be read."""
        self.asked.append(("search", query, before, limit, since))
        return self._later(BackendError("bad_request", "nothing is open") if query.startswith(")") else self.page, then)

    def propose_fix(self, action_id: str, finding: int, days: int, then: Then[Fix]) -> Callable[[], None]:
        """`fix`."""
        self.asked.append(("propose", action_id, finding, days))
        return self._later(self.fix, then)

    def apply_fix(self, fix_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Only `fix` can be applied."""
        self.asked.append(("apply", fix_id, by))
        known = fix_id == self.fix.id
        return self._later("applied" if known else BackendError("not_found", "no such proposal"), then)

    def remove_suppression(self, entry_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Remember it."""
        self.asked.append(("unsuppress", entry_id, by))
        return self._later("removed", then)

    def containment_facts(self, profile: str, *, may_decide: bool) -> ContainmentFacts:
        """Those of the test, for anybody."""
        return msgspec.structs.replace(self.facts, profile=profile, may_relay=may_decide)

    def contain(self, lease: Lease, wish: ContainWish) -> str:
        """Keep what was handed over."""
        self.held[lease] = wish
        return f"{wish.contained.agent}@sandbox-{wish.contained.id}|127.0.0.1"

    def report_denial(self, lease: Lease, denial: Denial) -> bool:
        """Remember it."""
        if lease not in self.held:
            raise BackendError("not_found", "this connection holds no sandbox")
        self.denials.append(denial)
        return True

    def release(self, lease: Lease) -> None:
        """Let go of what was handed over."""
        close_all(self.held.pop(lease).descriptors)

    def review_config(self, then: Then[ConfigReview]) -> Callable[[], None]:
        """Nothing differs."""
        return self._later(ConfigReview(path="", running="0" * 16, on_disk="0" * 16), then)

    def doctor(self, then: Then[tuple[Check, ...]]) -> Callable[[], None]:
        """All is well."""
        return self._later((Check("audit log", CheckState.OK, "it can be written"),), then)

    def read_audit(self, then: Then[AuditState]) -> Callable[[], None]:
        """Three sound lines."""
        return self._later(AuditState(lines=3), then)

    def _later(self, outcome: R | BackendError, then: Then[R]) -> Callable[[], None]:
        """Tell at once; a test that wants it later puts another method in this one's place."""
        then(outcome)
        return lambda: None

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
        server = ControlServer(
            self.backend,
            self.reactor,
            read_daemon_facts(),
            lambda: self.watched,
            company=lambda: Company(trust_ides=True),  # tests are run in editors too
        )
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
