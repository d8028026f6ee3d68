"""One client connection of the main listener: bytes to requests, requests to their road, answers to bytes.

    ┌──▶ reading ──▶ busy ──▶ writing ──┐
    │       │          │                │
    │       ▼          ▼                │
    │   lingering    tunnel             │
    └───────────────────────────────────┘

One request at a time; what a client pipelines behind it waits, bounded, and the client is not read while too much
waits or while it does not take its answers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum, auto

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.door import Ticket
from pipelock.door.edges import Wire
from pipelock.model import Action, BlockReason, Decision, Fault, Kind, Transport, session_key
from pipelock.proxy.context import LocalAnswer, ProxyContext
from pipelock.proxy.fastwrite import write_now
from pipelock.proxy.fetch import Fetch
from pipelock.proxy.forward import answer_head, answer_headers, upstream_request
from pipelock.proxy.http1 import (
    BodyData,
    MessageComplete,
    RemoteProtocolError,
    RequestHead,
    RequestReader,
)
from pipelock.proxy.limits import (
    BODY_IDLE_SECONDS,
    BUSY_BUFFER,
    CHUNK,
    HEAD_SECONDS,
    IDLE_SECONDS,
    LINGER_BYTES,
    LINGER_SECONDS,
    MAX_CONNECTIONS,
    REQUEST_SECONDS,
    WRITE_SECONDS,
)
from pipelock.proxy.local import local_answer
from pipelock.proxy.pages import refusal
from pipelock.proxy.request_body import RequestBody, too_large
from pipelock.proxy.roundtrip import Answered, Failed, Refused, Result, RoundTrip
from pipelock.proxy.target import Target, parse_target
from pipelock.proxy.tunnel import Tunnel

__all__ = ["ClientConnection", "ProxyFactory"]

_NEVER = float("inf")


class _State(Enum):
    READING = auto()
    BUSY = auto()
    LINGERING = auto()
    TUNNEL = auto()
    CLOSED = auto()


@implementer(IPushProducer, IHalfCloseableProtocol)
class ClientConnection(Protocol):
    """Serves one client."""

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, context: ProxyContext, client: str) -> None:
        self.deadline = context.clock.seconds() + HEAD_SECONDS
        self.client = client
        self._context = context
        self._state = _State.READING
        self._reader: RequestReader | None = None  # made with the first byte: an idle connection costs little
        self._events: deque[RequestHead | BodyData | MessageComplete] = deque()
        self._running = False
        self._began = 0.0
        self._head: RequestHead | None = None
        self._target: Target | None = None
        self._body = RequestBody(context)
        self._road: RoundTrip | Fetch | None = None
        self._ticket: Ticket | None = None
        self._tunnel: Tunnel | None = None
        self._blocked = False
        self._outgoing: memoryview | None = None
        self._after_write: Callable[[], None] | None = None
        self._close_after = False
        self._lingered = 0

    # -- the transport's side --------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Register for back-pressure and for the sweep."""
        self._context.connected(self)
        if self.transport is not None:
            self.transport.registerProducer(self, streaming=True)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        match self._state:
            case _State.TUNNEL:
                if self._tunnel is not None:
                    self._tunnel.from_client(data)
            case _State.LINGERING:
                self._lingered += len(data)
                if self._lingered > LINGER_BYTES:
                    self.abort()
            case _State.CLOSED:
                return
            case _:
                self._feed(data)

    def readConnectionLost(self) -> None:
        """The client sent its FIN. In a tunnel that ends one direction; in HTTP the client has left (RFC 9112 §9.6)."""
        if self._state is _State.TUNNEL and self._tunnel is not None:
            self._tunnel.client_finished()
        else:
            self.lose()

    def writeConnectionLost(self) -> None:
        """Our own half-close is done: the client has the whole answer, and gets a little time to see that."""
        if self._state is _State.LINGERING:
            self.deadline = self._context.clock.seconds() + LINGER_SECONDS

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client is gone: nothing is done for it any more."""
        self._state = _State.CLOSED
        self._context.disconnected(self)
        if self._ticket is not None:
            self._ticket.abandon()
        if self._road is not None:
            self._road.cancel()
        if self._tunnel is not None:
            self._tunnel.client_lost()
        after, self._after_write = self._after_write, None
        if after is not None:
            after()
        self._body.drop()
        self._outgoing = None
        self._events.clear()

    def pauseProducing(self) -> None:
        """The client does not take what is written."""
        self._blocked = True
        self.deadline = self._context.clock.seconds() + WRITE_SECONDS
        if self._tunnel is not None:
            self._tunnel.client_blocked()

    def resumeProducing(self) -> None:
        """The client took what was written."""
        self._blocked = False
        self.deadline = _NEVER
        if self._tunnel is not None:
            self._tunnel.client_ready()
        elif self._outgoing is not None:
            self._flush()
        elif self._state is _State.READING:
            self.deadline = self._context.clock.seconds() + (HEAD_SECONDS if self._began else IDLE_SECONDS)
            if self.transport is not None:
                self.transport.resumeProducing()
            self._run()

    def stopProducing(self) -> None:
        """The transport is done with us."""

    def expired(self) -> None:
        """A phase took too long."""
        if self._tunnel is not None:
            self._tunnel.end("the client does not take what is sent", abort=True)
        elif self._state is _State.READING and not self._blocked and self._began:
            self._refuse_fault(Fault(BlockReason.TIMEOUT, "the request did not arrive in time", 408))
        else:
            self.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self._state is _State.READING and not self._began

    def lose(self) -> None:
        """Close after what was written is sent."""
        if self.transport is not None and self._state is not _State.CLOSED:
            self._state = _State.CLOSED
            self.deadline = self._context.clock.seconds() + WRITE_SECONDS
            self.transport.unregisterProducer()
            self.transport.loseConnection()
            if self._road is not None or self._ticket is not None:
                self.transport.abortConnection()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abortConnection()

    # -- reading a request -----------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        if self._reader is None:
            self._reader = RequestReader(self._context.limits)
        if self._state is _State.READING:
            now = self._context.clock.seconds()
            if not self._began:
                self._began = now
                self.deadline = now + HEAD_SECONDS
            elif self._head is not None:
                self.deadline = min(now + BODY_IDLE_SECONDS, self._began + REQUEST_SECONDS)
        try:
            events = self._reader.feed(data)
        except RemoteProtocolError as error:
            if self._state is _State.READING:
                self._malformed(error)
            else:
                # An answer is being made or written: another one in the midst of it would be taken for its body.
                self.abort()
            return
        self._events.extend(events)
        self._run()
        # While an answer is not taken its client is not read either: what it sends would pile up here.
        piles_up = self._blocked if self._state is _State.READING else self._state is _State.BUSY
        if piles_up and (self._events or self._reader.buffered > BUSY_BUFFER) and self.transport is not None:
            self.transport.pauseProducing()

    def _run(self) -> None:
        # A loop and not recursion: hundreds of pipelined requests can be answered from one read.
        if self._running:
            return
        self._running = True
        try:
            while self._events and self._state is _State.READING and not self._blocked:
                event = self._events.popleft()
                if isinstance(event, BodyData):
                    self._body_data(event.data)
                elif isinstance(event, RequestHead):
                    self._head_complete(event)
                else:
                    self._request_complete()
        finally:
            self._running = False

    def _head_complete(self, head: RequestHead) -> None:
        self._head = head
        settings = self._context.settings
        try:
            self._target = target = parse_target(head)
        except RemoteProtocolError as error:
            self._malformed(error)
            return
        if target.form == "origin" and not self._is_local(head):
            self._refuse_fault(
                Fault(
                    BlockReason.BAD_REQUEST,
                    "this is a proxy: send an absolute URL, or a local path with a loopback Host",
                    421,
                )
            )
            return
        # A body is not waited for when everything is stopped; without one, the judgement comes at once anyway.
        if head.has_body and target.form == "absolute" and self._context.door.engine.kill.applies_to(self.client):
            self._judge_and_refuse(self._action(Transport.FORWARD))
            return
        if head.content_length is not None and head.content_length > settings.max_request_body:
            self._refuse_fault(too_large(settings.max_request_body))
            return
        if head.expect_continue and (head.content_length or head.chunked) and self.transport is not None:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _body_data(self, data: bytes) -> None:
        fault = self._body.add(data)
        if fault is not None:
            self._refuse_fault(fault)

    def _request_complete(self) -> None:
        self._state = _State.BUSY
        self.deadline = _NEVER
        target = self._target
        if target is None or self._head is None:
            self.abort()
        elif target.form == "authority":
            self._connect()
        elif target.form == "absolute":
            self._forward(self._head, target)
        else:
            self._local(self._head, target)

    def _malformed(self, error: RemoteProtocolError) -> None:
        self._refuse_fault(error.fault())

    # -- the roads -------------------------------------------------------------------------------------------------

    def _action(self, transport: Transport, body: bytes = b"", fault: Fault | None = None) -> Action:
        head, target = self._head, self._target
        claimed = ""
        content_type = ""
        if head is not None:
            for name, value in head.headers:
                if name == "x-pipelock-agent":
                    claimed = value
                elif name == "content-type":
                    content_type = value
        agent = self._context.agent_of(claimed)
        return Action(
            id=self._context.new_id(),
            kind=Kind.CONNECT if transport is Transport.CONNECT else Kind.REQUEST,
            transport=transport,
            session=session_key(agent, self.client),
            agent=agent,
            client=self.client,
            method=head.method if head else "",
            url=target.url if target else "",
            host=target.host if target else "",
            port=target.port if target else 0,
            headers=head.headers if head else (),
            body=body,
            content_type=content_type,
            fault=fault,
            size=self._body.size,
        )

    def _forward(self, head: RequestHead, target: Target) -> None:
        if not self._context.settings.forward_enabled:
            self._answer(405, (("content-type", "text/plain; charset=utf-8"),), b"forward proxy not enabled\n")
            return
        read = self._body.read(head.headers)
        body, fault = (b"", read) if isinstance(read, Fault) else (read, None)
        action = self._action(Transport.FORWARD, body, fault)
        road = RoundTrip(
            self._context,
            action,
            lambda decision: upstream_request(head, target, body, decision.body),
            lambda result: self._forwarded(head, road, result),
        )
        self._road = road
        road.start()

    def _forwarded(self, head: RequestHead, road: RoundTrip, result: Result) -> None:
        self._road = None
        match result:
            case Answered():
                headers = answer_headers(head.method, result)
                body = b"" if head.method == "HEAD" else result.body
                self._answer(result.head.status, headers, body, after=road.finish)
            case Refused():
                road.finish()
                self._refuse(result.action, result.decision)
            case Failed():
                road.finish()
                text = f"pipelock: upstream error: {result.why}\n".encode()
                self._answer(result.status, (("content-type", "text/plain; charset=utf-8"),), text)

    def _local(self, head: RequestHead, target: Target) -> None:
        path, _, query = target.path_query.partition("?")
        if path == "/fetch":
            claimed = next((value for name, value in head.headers if name == "x-pipelock-agent"), "")
            road = Fetch(
                self._context,
                self._fetched,
                method=head.method,
                query=query,
                client=self.client,
                claimed_agent=claimed,
            )
            self._road = road
            road.start()
            return
        answer = local_answer(self._context, head.method, path, self.client)
        if answer is None:
            self._judge_and_refuse(self._action(Transport.FORWARD))
            return
        self._answer(answer.status, (("content-type", answer.content_type), ("cache-control", "no-store")), answer.body)

    def _fetched(self, answer: LocalAnswer, headers: tuple[tuple[str, str], ...]) -> None:
        self._road = None
        self._answer(answer.status, (("content-type", answer.content_type), *headers), answer.body)

    def _connect(self) -> None:
        if not self._context.settings.forward_enabled:
            self._answer(405, (("content-type", "text/plain; charset=utf-8"),), b"CONNECT not supported\n")
            return
        action = self._action(Transport.CONNECT)

        def judged(decision: Decision) -> None:
            self._ticket = None
            if decision.code is not None:
                self._refuse(action, decision)
            elif len(self._context.tunnels) >= self._context.max_tunnels:
                self._answer(503, (("content-type", "text/plain; charset=utf-8"),), b"too many active tunnels\n")
            else:
                self._tunnel = Tunnel(self._context, self, action, decision.addresses)
                self._tunnel.start()

        self._judge(action, judged)

    def tunnel_open(self) -> bytes:
        """The upstream is connected: say so, and hand over what the client sent already."""
        self._state = _State.TUNNEL
        if self.transport is not None:
            self.transport.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
        return self._reader.take_rest() if self._reader is not None else b""

    def tunnel_failed(self, why: str) -> None:
        """No address could be reached."""
        self._tunnel = None
        text = f"pipelock: tunnel dial failed: {why}\n".encode()
        self._answer(502, (("content-type", "text/plain; charset=utf-8"),), text)

    def _judge(self, action: Action, then: Callable[[Decision], None]) -> None:
        ticket = self._context.door.judge(action, then)
        if ticket.then is not None:
            self._ticket = ticket

    # -- refusing --------------------------------------------------------------------------------------------------

    def _refuse_fault(self, fault: Fault) -> None:
        transport = (
            Transport.CONNECT if self._head is not None and self._head.method == "CONNECT" else Transport.FORWARD
        )
        self._judge_and_refuse(self._action(transport, fault=fault))

    def _judge_and_refuse(self, action: Action) -> None:
        """Have something judged that is not read on: whatever comes after it cannot be trusted to be a request."""
        self._state = _State.BUSY
        self.deadline = _NEVER
        self._close_after = True
        self._events.clear()
        self._judge(action, lambda decision: self._refuse(action, decision))

    def _refuse(self, action: Action, decision: Decision) -> None:
        self._ticket = None
        if decision.code is None:
            # Nothing refused it and nothing can carry it: only a bug leads here, and it must not let anything pass.
            self._answer(500, (("content-type", "text/plain; charset=utf-8"),), b"pipelock: nothing to do\n")
            return
        head = self._head
        accept = next((value for name, value in head.headers if name == "accept"), "") if head else ""
        status, headers, body = refusal(
            decision, accept, transport=action.transport, explain=self._context.settings.explain
        )
        self._answer(status, tuple(headers), b"" if head and head.method == "HEAD" else body)

    # -- answering -------------------------------------------------------------------------------------------------

    def _answer(
        self,
        status: int,
        headers: tuple[tuple[str, str], ...],
        body: bytes,
        *,
        after: Callable[[], None] | None = None,
    ) -> None:
        if self._state is _State.CLOSED or self.transport is None:
            if after is not None:
                after()
            return
        head = self._head
        self._close_after = self._close_after or head is None or not head.keep_alive
        wire = answer_head(head, status, headers, len(body), close=self._close_after)
        self._after_write = after
        if len(body) <= CHUNK:
            write_now(self.transport, wire + body if body else wire)
            self._answered()
        else:
            self.transport.write(wire)
            self._outgoing = memoryview(body)
            self._flush()

    def _flush(self) -> None:
        while self._outgoing is not None and not self._blocked and self.transport is not None:
            piece, rest = self._outgoing[:CHUNK], self._outgoing[CHUNK:]
            self._outgoing = rest if len(rest) else None
            self.transport.write(bytes(piece))
            if self._outgoing is None:
                self._answered()
                return

    def _answered(self) -> None:
        after, self._after_write = self._after_write, None
        if after is not None:
            after()
        self._body.drop()
        if self._close_after:
            self._linger()
            return
        self._head = self._target = None
        self._began = 0.0
        self._state = _State.READING
        self.deadline = self._context.clock.seconds() + (WRITE_SECONDS if self._blocked else IDLE_SECONDS)
        if self._reader is None:
            return
        had_more = self._reader.buffered > 0
        try:
            self._events.extend(self._reader.next_request())
        except RemoteProtocolError as error:
            self._malformed(error)
            return
        if had_more:
            self._began = self._context.clock.seconds()
            self.deadline = self._began + HEAD_SECONDS
            if self.transport is not None:
                self.transport.resumeProducing()
            self._run()

    def _linger(self) -> None:
        """Half-close, and read a little more: a reset would take the answer away from a client that still sends."""
        if self.transport is None:
            return
        self._state = _State.LINGERING
        self.deadline = self._context.clock.seconds() + WRITE_SECONDS  # until `writeConnectionLost`
        self._events.clear()
        self.transport.unregisterProducer()
        self.transport.loseWriteConnection()
        self.transport.resumeProducing()

    def _is_local(self, head: RequestHead) -> bool:
        # A web page can make a browser send requests here under a name that it owns (DNS rebinding), never under ours.
        return not self._context.local_names or head.host.rpartition("@")[2].lower() in self._context.local_names


class ProxyFactory(Factory):
    """Makes a connection object for each client."""

    noisy = False

    def __init__(self, context: ProxyContext) -> None:
        self._context = context

    def buildProtocol(self, addr: IAddress | None) -> ClientConnection | None:
        """Serve a client, making room first where the table is full."""
        if len(self._context.connections) >= MAX_CONNECTIONS and not self._context.make_room():
            return None
        return ClientConnection(self._context, str(getattr(addr, "host", "")))
