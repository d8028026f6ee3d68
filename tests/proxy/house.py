"""The proxy without sockets: clients and origins are transports in memory, time is turned by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from pipelock.door.bus import EventBus
from pipelock.door.door import Door, DoorParts
from pipelock.door.resolver import Resolver
from pipelock.door.stats import Stats
from pipelock.engine import Approvals, Engine, KillSwitch, Policy
from pipelock.model import Record
from pipelock.proxy.context import LocalAnswer, ProxyContext, ProxySettings
from pipelock.proxy.http1 import Limits
from pipelock.proxy.server import ClientConnection
from pipelock.proxy.upstream import Origin, Pool
from tests.factories import a_policy
from tests.proxy.lines import Dialled, Line

EPOCH = 1_700_000_000.0
ADDRESSES = ("93.184.215.14", "93.184.215.15")


class Caller:
    """A client of the proxy."""

    def __init__(self, context: ProxyContext, *, takes: int | None = None) -> None:
        self.line = Line(takes)
        self.line.protocol = ClientConnection(context, "127.0.0.1")
        self.protocol.makeConnection(self.line)

    @property
    def protocol(self) -> Any:
        """Who has the connection now."""
        return self.line.protocol

    def says(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def drips(self, data: bytes) -> None:
        for index in range(len(data)):
            self.protocol.dataReceived(data[index : index + 1])

    def takes_all(self) -> bytes:
        """Read whatever is written until there is nothing more."""
        got = b""
        while self.line.value():
            got += self.line.value()
            self.line.clear()
            if self.line.producer is not None:
                self.line.producer.resumeProducing()
        return got

    def leaves(self) -> None:
        self.line.is_lost = True
        self.protocol.connectionLost(Failure(ConnectionDone()))

    @property
    def heard(self) -> bytes:
        return self.line.value()


class House:
    """A proxy with a real door and engine. Names resolve and threads run at once unless `slow_*`."""

    def __init__(self, policy: Policy | None = None, **settings: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.kill = KillSwitch()
        self.engine = Engine(policy or a_policy(), self.kill)
        self.records: list[Record] = []
        self.errors: list[str] = []
        self.closed: list[Any] = []
        self.dials: list[Dialled] = []
        self.slow_names = False
        self.slow_threads = False
        self.waiting: list[Callable[[], None]] = []
        self.approvals = Approvals(b"k" * 32, None)
        self.door = Door(
            DoorParts(
                engine=self.engine,
                approvals=self.approvals,
                bus=EventBus(lambda: EPOCH, 1000),
                resolver=Resolver(self.clock, self._look_up, lambda _host: ADDRESSES),
                stats=Stats("0"),
                write=self.records.append,
                write_tunnel=lambda closed, _at: self.closed.append(closed),
                write_error=lambda _action, why, _at: self.errors.append(why),
                clock=self.clock,
                wall=lambda: EPOCH + self.clock.seconds(),
                inspect=self._offload,
            )
        )
        self.door.dashboards = 1
        self.pool = Pool(self._dial, self.clock, Limits())
        self.context = ProxyContext(
            door=self.door,
            pool=self.pool,
            clock=self.clock,
            dial_tunnel=lambda address, port, factory, _timeout: self._dialled(address, port, factory),
            offload=self._offload,
            settings=ProxySettings(**settings),
            routes={"/health": lambda: LocalAnswer(200, "text/plain", b"fine"), "/stats": self._stats},
            local_names=frozenset({"localhost:8888"}),
        )

    def _stats(self) -> LocalAnswer:
        return LocalAnswer(200, "text/plain", b"numbers")

    def _look_up(self, call: Any, then: Any) -> None:
        self._now_or_later(self.slow_names, call, then)

    def _offload(self, call: Any, then: Any) -> None:
        self._now_or_later(self.slow_threads, call, then)

    def _now_or_later(self, later: bool, call: Any, then: Any) -> None:
        if later:
            self.waiting.append(lambda: then(call()))
        else:
            then(call())

    def _dial(self, origin: Origin, address: str, factory: Factory, timeout: float) -> Any:
        return self._dialled(address, origin.port, factory)

    def _dialled(self, address: str, port: int, factory: Factory) -> Dialled:
        dialled = Dialled(address, port, factory)
        self.dials.append(dialled)
        return dialled

    def caller(self, *, takes: int | None = None) -> Caller:
        return Caller(self.context, takes=takes)

    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.context.sweep()

    def go_on(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()

    def assert_nothing_is_left(self) -> None:
        """No memory, no client, no deadline, no tunnel: what must hold when everybody has gone."""
        assert self.context.budget.used == 0
        assert not self.context.connections
        assert not self.context.watched
        assert not self.context.tunnels


def get(
    path: str = "/", host: str = "example.com", extra: str = "", method: str = "GET", version: str = "1.1"
) -> bytes:
    return f"{method} http://{host}{path} HTTP/{version}\r\nHost: {host}\r\n{extra}\r\n".encode()


def post(body: bytes, host: str = "example.com", extra: str = "") -> bytes:
    return get(host=host, method="POST", extra=f"Content-Length: {len(body)}\r\n{extra}") + body


def ok(body: bytes = b"hello", extra: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body
