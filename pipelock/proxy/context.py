"""What every client connection shares."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol as Shape
from typing import TypeVar

from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from pipelock.detect.hosts import HostSet
from pipelock.door.door import Door
from pipelock.door.edges import Clock, Connector
from pipelock.identity import NOBODY, Agents
from pipelock.model import Transport
from pipelock.proxy.api import ApiService
from pipelock.proxy.http1 import Limits
from pipelock.proxy.interception import Interception
from pipelock.proxy.limits import MAX_TUNNELS, Budget
from pipelock.proxy.raw_tcp import RawTcp
from pipelock.proxy.turns import Turns
from pipelock.proxy.upstream import Pool
from pipelock.proxy.websocket.settings import WebSocketSettings
from pipelock.proxy.whose import BySession, Identify

__all__ = ["Client", "LocalAnswer", "ProxyContext", "ProxySettings", "Watched"]

_T = TypeVar("_T")

_OLDEST_LOOKED_AT = 256


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """What a local route answers."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What the roads take from config; replaced as a whole by a reload. Sizes in bytes, times in seconds."""

    forward_enabled: bool = True
    fetch_enabled: bool = True
    max_request_body: int = 5 * 1024 * 1024
    max_response_body: int = 10 * 1024 * 1024
    upstream_seconds: float = 30.0
    max_tunnel_seconds: float = 300.0
    tunnel_idle_seconds: float = 120.0
    sni_verification: bool = True
    user_agent: str = "Pipelock Fetch/1.0"
    explain: bool = False
    agents: Agents = NOBODY
    health_exempt: bool = True
    metrics_exempt: bool = True
    api_exempt: bool = True
    serve_metrics: bool = True
    max_intercepted_body: int = 5 * 1024 * 1024
    streams_requests: bool = True
    streams_responses: bool = True
    event_streams: bool = True
    max_event_bytes: int = 1_048_576
    websocket_hints: HostSet = field(default_factory=HostSet)
    raw_tcp: RawTcp = field(default_factory=RawTcp)
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)

    def held_answer(self, transport: Transport) -> int:
        """The largest answer on this road that is held and judged whole, bytes."""
        return self.max_intercepted_body if transport is Transport.INTERCEPT else self.max_response_body


class LocalApi(ApiService, Shape):
    """An API that the main listener offers beside its pages."""

    def serves(self, path: str) -> bool:
        """Whether a path (without its query) is one of its own, and there is something to serve it with."""

    def is_exempt(self, path: str) -> bool:
        """Whether the kill switch leaves the path usable."""


class Watched(Shape):
    """Something with a deadline, looked at once a second."""

    @property
    def deadline(self) -> float:
        """When it is late, in seconds of the context's clock."""

    def expired(self) -> None:
        """The deadline has passed."""


class OpenTunnel(Shape):
    """A tunnel, as the table of them sees it. `session` is whose it is."""

    session: str

    def cut(self, why: str) -> None:
        """End at once, on both sides; `why` is recorded."""

    def check_kill_switch(self) -> None:
        """End if the kill switch is on."""

    def drain(self) -> None:
        """Come to an end, if there is a good one: the daemon stops."""


class Offload(Shape):
    """Runs slow, pure work in the scan threads."""

    def __call__(self, call: Callable[[], _T], then: Callable[[_T | Failure], None]) -> None:
        """Run `call` there and `then` on the reactor thread, with what it returned or how it failed."""


class Client(Watched, Shape):
    """A client connection, as the table of them sees it."""

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""

    def drain(self) -> None:
        """Serve what is under way, and nothing after it."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(slots=True, eq=False)
class ProxyContext:
    """The parts, the settings in force and the tables with a limit."""

    door: Door
    pool: Pool
    clock: Clock
    dial_tunnel: Callable[[str, int, Factory, float], Connector]
    offload: Offload
    settings: ProxySettings = field(default_factory=ProxySettings)
    limits: Limits = field(default_factory=Limits)
    budget: Budget = field(default_factory=Budget)
    routes: dict[str, Callable[[], LocalAnswer]] = field(default_factory=dict)
    local_names: frozenset[str] = frozenset()
    watched: dict[Watched, None] = field(default_factory=dict)
    connections: dict[Client, None] = field(default_factory=dict)
    tunnels: dict[OpenTunnel, None] = field(default_factory=dict)
    max_tunnels: int = MAX_TUNNELS
    interception: Interception | None = None
    identify: Identify | None = None
    by_session: BySession = field(default_factory=BySession)
    admin: LocalApi | None = None
    turns: Turns = field(init=False)
    _boot: str = field(default_factory=lambda: secrets.token_hex(3))
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.turns = Turns(self.clock)

    def connected(self, client: Client) -> None:
        """A client came."""
        self.connections[client] = None
        self.watched[client] = None
        self.door.stats.connections += 1

    def disconnected(self, client: Client) -> None:
        """A client left."""
        if client in self.connections:
            del self.connections[client]
            del self.watched[client]
            self.door.stats.connections -= 1

    def make_room(self) -> bool:
        """Close the longest connected client that is idle; false where none of the oldest is."""
        for client in itertools.islice(self.connections, _OLDEST_LOOKED_AT):
            if client.is_idle:
                client.abort()
                return True
        return False

    def new_id(self) -> str:
        """A request id, unique over restarts in all likelihood."""
        return f"{self._boot}-{next(self._numbers)}"

    def in_flight(self, key: str) -> int:
        """How many client connections are open for session `key`, those with a tunnel in them included."""
        return self.by_session.count(key)

    def end_session(self, key: str, why: str = "the session was ended") -> int:
        """End every connection and tunnel of session `key` at once; returns how many client connections that were.

        What is held for a person is given up, what is under way breaks off.
        """
        members = self.by_session.of(key)
        self.end_long_lived(key, why)
        for member in members:
            member.abort()
        return len(members)

    def end_long_lived(self, key: str, why: str = "the session is in the airlock") -> int:
        """End the tunnels that nobody reads and the WebSockets of session `key`; returns how many those were."""
        mine = [tunnel for tunnel in self.tunnels if tunnel.session == key]
        for tunnel in mine:
            tunnel.cut(why)
        return len(mine)

    def sweep(self) -> None:
        """Expire what is late; called once a second."""
        now = self.clock.seconds()
        for watched in [watched for watched in self.watched if watched.deadline <= now]:
            watched.expired()
        self.pool.sweep()
