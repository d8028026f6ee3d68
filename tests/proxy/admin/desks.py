"""A daemon's desk that answers from its attributes and remembers what it was told, and a client of the admin API."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock

from pipelock.model import (
    Answer,
    BudgetUse,
    Evidence,
    Grant,
    KillSwitchState,
    Level,
    Lifetime,
    Pending,
    Process,
    Scope,
    Session,
    SessionActed,
    SessionDetail,
    SessionNote,
    TaintLevel,
    Tier,
)
from pipelock.proxy.admin.desk import AdminCall, DeskError, SessionOrder
from pipelock.proxy.admin.service import MAX_BODY, AdminService
from pipelock.proxy.api import ApiConnection, ApiContext, ApiLimits
from tests.factories import a_summary
from tests.proxy.lines import Line

TOKEN = "operator-token-of-nobody"
NOW = 1_700_000_000.0

CALM = Session(
    key="helper|127.0.0.1", agent="helper", client="127.0.0.1", started_at=NOW - 100, last_seen_at=NOW - 1, requests=7
)
CLOSED = Session(
    key="claude@42|127.0.0.1",
    agent="claude",
    client="127.0.0.1",
    started_at=NOW - 600,
    last_seen_at=NOW - 2.5,
    requests=30,
    blocked=4,
    evidence=Evidence.PROCESS,
    processes=(Process(43, 2, "curl"), Process(42, 1, "claude")),
    level=Level.CRITICAL,
    score=21.5,
    threshold=40.0,
    block_all=True,
    tier=Tier.HARD,
    tier_since=NOW - 60,
    tier_until=NOW + 240,
    tier_why="level critical",
    taint=TaintLevel.HOSTILE,
    task="fix the tests",
    task_id="t-2",
    in_flight=3,
    budgets=(BudgetUse("requests", 30, 100),),
)
NOTES = (
    SessionNote(NOW - 70, "signal", "near_miss", "a.example", "odd", "medium", 1.0),
    SessionNote(NOW - 61, "signal", "hard_block", "evil.example", "a key left", "critical", 3.0),
    SessionNote(NOW - 60, "airlock", "hard", "level critical", "closed in", "", 0.0),
)


class FakeDesk:
    """Stands in for the daemon."""

    def __init__(self) -> None:
        self.the_token = TOKEN
        self.details = {
            CLOSED.key: SessionDetail(CLOSED, NOTES, "It leaked.", "Release it.", ("evil.example",)),
            CALM.key: SessionDetail(CALM),
        }
        self.sources = {"config": False, "api": False, "signal": False, "sentinel": False}
        self.waiting: tuple[Pending, ...] = ()
        self.orders: list[SessionOrder] = []
        self.answers: list[tuple[str, Answer, str]] = []
        self.switched: list[tuple[bool, str]] = []
        self.calls: list[AdminCall] = []
        self.fails: DeskError | None = None
        self.acted = SessionActed(
            key="", verb="airlock", previous_tier=Tier.HARD, previous_level=Level.HIGH, previous_score=9.5, ended=2,  # type: ignore[arg-type]
            ip_state_cleared=True, previous_task_id="t-1", current_task_id="t-2", current_task_label="new",
            taint_cleared=True, runtime_overrides_cleared=1,
        )  # fmt: skip
        self.grant: Grant | None = None

    def token(self) -> str:
        return self.the_token

    def kill_state(self) -> KillSwitchState:
        return KillSwitchState(active=any(self.sources.values()), sources=self.sources, message="stopped")

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:
        self.switched.append((active, by))
        self.sources = {**self.sources, "api": active}
        return self.kill_state()

    def sessions(self) -> tuple[Session, ...]:
        return tuple(detail.session for detail in self.details.values())

    def inspect(self, key: str) -> SessionDetail:
        if key not in self.details:
            raise DeskError("not_found", "session not found")
        return self.details[key]

    def act(self, order: SessionOrder) -> SessionActed:
        self.inspect(order.key)
        if self.fails is not None:
            raise self.fails
        self.orders.append(order)
        return msgspec.structs.replace(self.acted, key=order.key, verb=order.verb, new_tier=order.tier)

    def lockdown_seconds(self) -> float:
        return 1800.0

    def pending(self) -> tuple[Pending, ...]:
        return self.waiting

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        if self.fails is not None:
            raise self.fails
        self.answers.append((pending_id, answer, binding))
        return 2, self.grant

    def called(self, call: AdminCall) -> None:
        self.calls.append(call)


def a_pending(**changes: Any) -> Pending:
    base = Pending(
        id="7", group="g", action=a_summary(), reason="rule uploads asks", held_at=NOW, expires_at=NOW + 60,
        binding="b" * 32,
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


def a_grant() -> Grant:
    return Grant(id="g1", allow=True, scope=Scope.HOST, lifetime=Lifetime.H1, words="claude may", created_at=NOW)


class Api:
    """One client of the admin listener."""

    def __init__(self, desk: FakeDesk | None = None) -> None:
        self.desk = desk or FakeDesk()
        self.clock = Clock()
        self.clock.advance(1000)
        self.service = AdminService(
            self.desk, self.clock, lambda: NOW, lambda root: f"runs inside {root.agent}" if root and root.agent else ""
        )
        self.context = ApiContext(self.service, self.clock, ApiLimits(body=MAX_BODY))
        self.reconnect()

    def reconnect(self) -> None:
        self.line = Line()
        self.line.hostAddr = IPv4Address("TCP", "127.0.0.1", 9099)
        self.line.peerAddr = IPv4Address("TCP", "127.0.0.1", 40_000)
        self.connection = ApiConnection(self.context, "127.0.0.1")
        self.connection.makeConnection(self.line)

    def asks(
        self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN, headers: str = ""
    ) -> tuple[int, Any]:
        """The status and the body of the answer: JSON where it is, else text."""
        data = self._request(method, path, body, token=token, headers=headers)
        self.connection.dataReceived(data)
        return self.heard()

    def asks_later(self, method: str, path: str, body: Any = None) -> bytes:
        """What a client hears that is not read yet; `held_back` is what it has said."""
        self.held_back = self._request(method, path, body, token=TOKEN)
        assert not self.line.is_read
        return self.line.value()

    def _request(self, method: str, path: str, body: Any, *, token: str | None, headers: str = "") -> bytes:
        self.reconnect()
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if token is not None:
            headers += f"Authorization: Bearer {token}\r\n"
        length = f"Content-Length: {len(data)}\r\n" if data or method == "POST" else ""
        return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n".encode() + data

    def heard(self) -> tuple[int, Any]:
        head, _, body = self.line.value().partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        status = int(lines[0].split()[1])
        if self.headers["content-type"].startswith("text/plain"):
            return status, body.decode().strip()
        return status, json.loads(body)
