"""A listener whose requests all go to one upstream: a firewall in front of a server, or of a model's API."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from pipelock.model import BlockReason, Fault, Transport
from pipelock.proxy.client import ProxyConnection
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import Headers, RemoteProtocolError, RequestHead
from pipelock.proxy.limits import MAX_CONNECTIONS
from pipelock.proxy.reverse_rules import ReverseRules
from pipelock.proxy.submit import LimitedRoad
from pipelock.proxy.target import Target, parse_target

__all__ = ["ReverseConnection", "ReverseFactory"]


class ReverseConnection(ProxyConnection):
    """Serves one client of the reverse proxy. `latest` gives the rules in force, which are asked for each request."""

    carries = Transport.REVERSE

    def __init__(self, context: ProxyContext, client: str, latest: Callable[[], ReverseRules]) -> None:
        super().__init__(context, client)
        self._latest = latest
        self._rules = latest()
        self._limited: LimitedRoad | None = None

    def request_head(self, head: RequestHead) -> None:
        """Send the request to the upstream."""
        self._rules = rules = self._latest()
        # The submit profile wants its trust written down, and renewed.
        self.is_named = rules.methods is None or rules.trusted_until > self.context.door.wall()
        try:
            named = parse_target(head, rules.scheme)
        except RemoteProtocolError as error:
            self.malformed(error)
            return
        if named.form != "origin":
            self.target = named
            self.refuse_fault(Fault(BlockReason.BAD_REQUEST, "this listener serves one upstream: send a path", 421))
            return
        path = rules.path_for(named.path_query)
        url = f"{rules.scheme}://{rules.authority}{'/' if path == '*' else path}"
        self.target = target = Target("origin", rules.scheme, rules.host, rules.port, url, path)
        refusal = rules.objection(head.method, named.path_query, head.content_length, head.headers)
        if refusal is not None:
            self.refuse_fault(refusal)
            return
        self.carry(Destination(head, target))
        road = self.road
        if rules.methods is not None and road is not None:
            self.road = self._limited = LimitedRoad(road, rules, self.context, self._exceeded)

    def _exceeded(self, fault: Fault) -> None:
        """A limit of the profile is passed: what has not begun is refused, what has is broken off."""
        if not self.has_begun:
            self.refuse_fault(fault)
            return
        road, self.road = self.road, None
        if road is not None:
            road.cancel()
        self.judge(self.action(Transport.REVERSE, fault), lambda _decision: self.cut())

    def answered(self) -> None:
        """The exchange is over, and with it its limits."""
        super().answered()
        self._end_limits()

    def closed(self) -> None:
        """Likewise."""
        super().closed()
        self._end_limits()

    def _end_limits(self) -> None:
        limited, self._limited = self._limited, None
        if limited is not None:
            limited.close()

    def answer(self, status: int, headers: Headers, body: bytes, *, after: Callable[[], None] | None = None) -> None:
        """Answer whole; redirects to the upstream lead here."""
        super().answer(status, self._local(headers), body, after=after)

    def begin(self, status: int, headers: Headers, length: int | None) -> None:
        """Begin an answer, likewise."""
        super().begin(status, self._local(headers), length)

    def _local(self, headers: Headers) -> Headers:
        host = self.head.host if self.head is not None else ""
        return tuple(
            (name, self._rules.local_location(value, host) if name == "location" else value) for name, value in headers
        )


class ReverseFactory(Factory):
    """Makes a connection object for each client. `rules` may be exchanged: it is looked at for each request."""

    noisy = False

    def __init__(self, context: ProxyContext, rules: ReverseRules) -> None:
        self.rules = rules
        self._context = context

    def buildProtocol(self, addr: IAddress | None) -> ReverseConnection | None:
        """Serve a client, making room first where the table is full."""
        if len(self._context.connections) >= MAX_CONNECTIONS and not self._context.make_room():
            return None
        return ReverseConnection(self._context, str(getattr(addr, "host", "")), lambda: self.rules)
