"""A listener that answers by itself and forwards nothing: one request at a time, strictly read, tightly bounded.

What is asked is for a service to decide; this module knows sizes and time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol as Shape

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pipelock.door.edges import Clock
from pipelock.identity import Lookup, Root
from pipelock.proxy.connection import ServerConnection
from pipelock.proxy.http1 import Limits, RemoteProtocolError, RequestHead
from pipelock.proxy.serving import Pace, Road
from pipelock.proxy.whose import Identify, find_root_of

__all__ = [
    "ApiAnswer",
    "ApiConnection",
    "ApiContext",
    "ApiFactory",
    "ApiLimits",
    "ApiService",
    "Question",
    "Speaker",
    "put",
]

_HEAD_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    """What a service answers. `body` is of the type `content_type`; `headers` come on top of the ordinary ones."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """All header fields but those of framing."""
        return (("content-type", self.content_type), ("cache-control", "no-store"), *self.headers)


class ApiService(Shape):
    """Decides what is answered."""

    def refusal(self, head: RequestHead, client: str, root: Root | None) -> ApiAnswer | None:
        """The answer that needs no body to be read, or `None` to read on.

        `client` is the peer's address, `root` its session's root process where that is known.
        """

    def too_large(self) -> ApiAnswer:
        """The answer to a body over the limit of its listener."""

    def malformed(self, why: str) -> ApiAnswer:
        """The answer to what is no sound HTTP request, or did not arrive in time."""

    def ask(
        self, head: RequestHead, body: bytes, client: str, answer: Callable[[ApiAnswer], None]
    ) -> Callable[[], None]:
        """Answer a whole request, now or later, once. What is returned is called if the client leaves first."""


class Speaker(Shape):
    """A connection that a question came by."""

    client: str
    road: Road | None

    @property
    def root(self) -> Root | None:
        """The root process of the client's session, where it is known."""

    def say_continue(self) -> None:
        """Have the client send its body."""

    def say(self, answer: ApiAnswer, *, refuses: bool = False) -> None:
        """Answer; where that `refuses`, nothing more is read as a request."""


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """Seconds and bytes of one listener."""

    connections: int = 100
    body: int = 1_048_576
    read_seconds: float = 2.0
    write_seconds: float = 2.0


@dataclass(slots=True, eq=False)
class ApiContext:
    """What the connections of one listener share. `limits` is replaced as a whole by a reload.

    `identify` finds out who calls; `None` for a service that serves everybody alike.
    """

    service: ApiService
    clock: Clock
    limits: ApiLimits = field(default_factory=ApiLimits)
    identify: Identify | None = None
    connections: dict[ApiConnection, None] = field(default_factory=dict)

    def sweep(self) -> None:
        """Expire what is late; called once a second."""
        now = self.clock.seconds()
        for connection in [one for one in self.connections if one.deadline <= now]:
            connection.expired()

    def make_room(self) -> bool:
        """Close the longest connected client that is idle, or else that has not asked yet; false where all have.

        Otherwise whoever begins many requests and ends none would keep everybody else out.
        """
        late = next((one for one in self.connections if one.is_idle), None) or next(
            (one for one in self.connections if not one.has_asked), None
        )
        if late is None:
            return False
        late.abort()
        return True


class ApiConnection(ServerConnection):
    """Serves one client of an API."""

    def __init__(self, context: ApiContext, client: str) -> None:
        limits = context.limits
        reading = limits.read_seconds
        pace = Pace(head=reading, body_idle=reading, request=reading, write=limits.write_seconds)
        super().__init__(context.clock, client, Limits(head=_HEAD_BYTES), pace)
        self._context = context
        self._lookup: Lookup | None = None
        self.root: Root | None = None

    def opened(self) -> None:
        """Have it looked at once a second, and find out who it is."""
        self._context.connections[self] = None
        self._lookup = find_root_of(self.transport, self._context.identify, self._found)

    @property
    def has_asked(self) -> bool:
        """Whether a whole request of its is with the service."""
        return isinstance(self.road, Question) and self.road.has_asked

    def _found(self, root: Root | None) -> None:
        self._lookup, self.root = None, root

    def closed(self) -> None:
        """No more."""
        lookup, self._lookup = self._lookup, None
        if lookup is not None:
            lookup.cancel()
        self._context.connections.pop(self, None)

    def request_head(self, head: RequestHead) -> None:
        """Refuse what the service refuses unread; read the rest."""
        put(self, self._context.service, head, self._context.limits.body)

    def malformed(self, error: RemoteProtocolError) -> None:
        """Say what is wrong with it."""
        self.say(self._context.service.malformed(str(error)), refuses=True)

    def late(self) -> None:
        """Say that it did not arrive in time."""
        self.say(self._context.service.malformed("the request did not arrive in time"), refuses=True)

    def say(self, answer: ApiAnswer, *, refuses: bool = False) -> None:
        """Answer; where that `refuses`, nothing more is read as a request."""
        if refuses:
            self.stop_reading()
        self.answer(answer.status, answer.fields, answer.body)


class Question:
    """One request: its body of at most `limit` bytes while it comes, and the service while it thinks."""

    def __init__(self, connection: Speaker, service: ApiService, head: RequestHead, limit: int) -> None:
        self._connection = connection
        self._service = service
        self._head = head
        self._limit = limit
        self._body = bytearray()
        self.has_asked = False
        self._cancel: Callable[[], None] | None = None

    def request_data(self, data: bytes) -> None:
        """More of the body."""
        if len(self._body) + len(data) > self._limit:
            self._body.clear()
            self._connection.say(self._service.too_large(), refuses=True)
        else:
            self._body += data

    def request_end(self) -> None:
        """Ask the service."""
        body = bytes(self._body)
        self._body.clear()
        self.has_asked = True
        answered = False

        def answer(what: ApiAnswer) -> None:
            nonlocal answered
            answered = True
            self._cancel = None
            self._connection.say(what)

        cancel = self._service.ask(self._head, body, self._connection.client, answer)
        if not answered:
            self._cancel = cancel

    def client_blocked(self) -> None:
        """Answers are written whole."""

    def client_ready(self) -> None:
        """Likewise."""

    def cancel(self) -> None:
        """The client is gone."""
        if self._cancel is not None:
            self._cancel()


def put(connection: Speaker, service: ApiService, head: RequestHead, limit: int) -> None:
    """Refuse what the service refuses unread, or set the connection's road to a question of at most `limit` bytes."""
    answer = service.refusal(head, connection.client, connection.root)
    if answer is None and (head.content_length or 0) > limit:
        answer = service.too_large()
    if answer is not None:
        connection.say(answer, refuses=True)
        return
    connection.road = Question(connection, service, head, limit)
    if head.expect_continue and head.has_body:
        connection.say_continue()


class ApiFactory(Factory):
    """Makes a connection object for each client."""

    noisy = False

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    def buildProtocol(self, addr: IAddress | None) -> ApiConnection | None:
        """Serve a client, making room first where the table is full."""
        context = self._context
        if len(context.connections) >= context.limits.connections and not context.make_room():
            return None
        return ApiConnection(context, str(getattr(addr, "host", "")))
