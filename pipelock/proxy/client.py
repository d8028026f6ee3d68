"""What every listener that carries requests has in common: agents, refusals, exchanges, upgrades."""

from __future__ import annotations

from collections.abc import Callable

from pipelock.door.door import Ticket
from pipelock.identity import Caller, Root
from pipelock.model import Action, BlockReason, Decision, Fault, Identity, Kind, Transport
from pipelock.proxy.answers import TEXT
from pipelock.proxy.connection import ServerConnection
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.exchange import Exchange
from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import RemoteProtocolError, RequestHead
from pipelock.proxy.pages import refusal
from pipelock.proxy.serving import Pace
from pipelock.proxy.target import Target
from pipelock.proxy.websocket.handshake import wants_websocket
from pipelock.proxy.websocket.road import WebSocketRoad
from pipelock.proxy.whose import Whose

__all__ = ["Judgement", "ProxyConnection", "WhenComplete"]

_PACE = Pace()


class Judgement:
    """A request, or what was to be one, on its way to a refusal."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket

    def request_data(self, data: bytes) -> None:
        """What is refused is not read."""

    def request_end(self) -> None:
        """Likewise."""

    def client_blocked(self) -> None:
        """Nothing is being written."""

    def client_ready(self) -> None:
        """Likewise."""

    def cancel(self) -> None:
        """The client is gone."""
        self._ticket.abandon()


class WhenComplete:
    """A request whose body nobody wants: `call` is called at its end, and gives what is cancelled if the client leaves.

    The bytes are dropped as they come; how long they may come is for the connection's pace.
    """

    def __init__(self, call: Callable[[], Callable[[], None] | None]) -> None:
        self._call = call
        self._cancel: Callable[[], None] | None = None

    def request_data(self, data: bytes) -> None:
        """Nobody wants it."""

    def request_end(self) -> None:
        """Now."""
        self._cancel = self._call()

    def client_blocked(self) -> None:
        """Nothing is being written."""

    def client_ready(self) -> None:
        """Likewise."""

    def cancel(self) -> None:
        """The client is gone."""
        if self._cancel is not None:
            self._cancel()


class ProxyConnection(ServerConnection):
    """Serves one client whose requests are judged and carried on. `road` names how they came.

    Args:
        context: The shared parts.
        client: The client's address.
        profile: The profile in `agents` whose listener the client came to; empty for the others.
        caller: What is known of the client already, where its connection was another one's before.
    """

    carries = Transport.FORWARD
    is_named = False
    """Whether requests go to an upstream that config names."""

    def __init__(self, context: ProxyContext, client: str, *, profile: str = "", caller: Caller | None = None) -> None:
        super().__init__(context.clock, client, context.limits, _PACE)
        self.context = context
        self.target: Target | None = None
        self.whose = Whose(context, self, caller or Caller(client, profile))
        self._is_known = caller is not None

    def opened(self) -> None:
        """Count it, have it looked at once a second, and find out whose it is."""
        self.context.connected(self)
        if not self._is_known:
            self.whose.find_out(self.transport)
        elif self.whose.caller.contained is not None:
            # It counts for its sandbox before it has asked for anything, and for as long as it asks for nothing.
            self.whose.identity("")

    def closed(self) -> None:
        """Count it no more."""
        self.whose.forget()
        self.context.disconnected(self)

    @property
    def root(self) -> Root | None:
        """The root process of its session, where it is known."""
        return self.whose.caller.root

    def answered(self) -> None:
        """Forget where the last request went."""
        self.target = None

    # -- carrying --------------------------------------------------------------------------------------------------

    def carry(self, destination: Destination) -> None:
        """Have the request judged and sent to `destination`."""
        head, context = destination.head, self.context
        if context.settings.websocket.enabled and wants_websocket(head):
            self.road = WhenComplete(lambda: self._upgrade(destination))
            return
        exchange = Exchange(context, self, self.action(self.carries), destination)
        self.road = exchange
        exchange.start()

    def _upgrade(self, destination: Destination) -> Callable[[], None]:
        road = WebSocketRoad(self.context, self, self.action(Transport.WEBSOCKET), destination)
        road.start()
        return road.cancel

    def action(self, transport: Transport, fault: Fault | None = None) -> Action:
        """The request under way, without its body."""
        head, target = self.head, self.target
        claimed = content_type = ""
        if head is not None:
            for name, value in head.headers:
                if name == "x-pipelock-agent":
                    claimed = value
                elif name == "content-type":
                    content_type = value
        identity = self.identity(claimed)
        return Action(
            id=self.context.new_id(),
            kind=Kind.CONNECT if transport is Transport.CONNECT else Kind.REQUEST,
            transport=transport,
            session=identity.session,
            agent=identity.agent,
            client=self.client,
            method=head.method if head else "",
            url=target.url if target else "",
            host=target.host if target else "",
            port=target.port if target else 0,
            headers=head.headers if head else (),
            content_type=content_type,
            fault=fault,
            named=self.is_named,
            identity=identity,
        )

    def identity(self, claimed: str, query: str = "") -> Identity:
        """Whose request it is, by what its header and its `?agent=` say, where nothing stronger says otherwise."""
        return self.whose.identity(claimed, query)

    # -- refusing --------------------------------------------------------------------------------------------------

    def malformed(self, error: RemoteProtocolError) -> None:
        """Refuse what is no sound request."""
        self.refuse_fault(error.fault())

    def late(self) -> None:
        """Refuse what did not arrive in time."""
        self.refuse_fault(Fault(BlockReason.TIMEOUT, "the request did not arrive in time", 408))

    def refuse_fault(self, fault: Fault) -> None:
        """Have the request under way refused for `fault`, and read nothing after it."""
        is_connect = self.head is not None and self.head.method == "CONNECT"
        self.judge_and_refuse(self.action(Transport.CONNECT if is_connect else self.carries, fault))

    def judge_and_refuse(self, action: Action) -> None:
        """Have something judged that is not read on."""
        road, self.road = self.road, None
        if road is not None:
            road.cancel()
        self.stop_reading()
        self.judge(action, lambda decision: self.refuse(action, decision))

    def judge(self, action: Action, then: Callable[[Decision], None]) -> None:
        """Have `action` judged; given up if the client leaves first."""

        def judged(decision: Decision) -> None:
            self.road = None
            then(decision)

        ticket = self.context.door.judge(action, judged)
        if ticket.then is not None:
            self.road = Judgement(ticket)

    def refuse(self, action: Action, decision: Decision) -> None:
        """Answer that it was refused, and why."""
        if decision.code is None:
            # Nothing refused it and nothing can carry it: only a bug leads here, and it must not let anything pass.
            self.answer(500, TEXT, b"pipelock: nothing to do\n")
            return
        head = self.head
        accept = _accept_of(head) if head else ""
        explain = self.context.settings.explain
        status, headers, body = refusal(
            decision, accept, transport=action.transport, explain=explain, comes_in=action.comes_in
        )
        self.answer(status, tuple(headers), b"" if head and head.method == "HEAD" else body)


def _accept_of(head: RequestHead) -> str:
    """The Accept field. git takes anything, and shows its user what is plain text alone."""
    names = dict(head.headers)
    return "text/plain" if names.get("user-agent", "").startswith("git/") else names.get("accept", "")


def host_of(head: RequestHead) -> str:
    """The Host field, lower case, without user information."""
    return head.host.rpartition("@")[2].lower()
