"""One connection to one address of an origin. It carries one exchange at a time.

    opened ──serve──▶ busy ──response complete, all sent──▶ idle (back to the pool) ──serve──▶ busy ...
                       │ └──101──▶ switched ──take_over──▶ taken (its bytes are somebody else's)
                       └──anything else──▶ closed

A body that is known whole and is small goes out with its head in one write. A larger one goes in pieces as the origin
takes them, and a streamed one as its sender has it judged: `request_hold` asks that sender to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from pipelock.door.edges import Clock, Wire
from pipelock.proxy.eyeballs import Heat, one_line
from pipelock.proxy.fastwrite import send_at_once, write_now
from pipelock.proxy.http1 import (
    BodyData,
    Headers,
    Limits,
    LocalProtocolError,
    MessageComplete,
    RemoteProtocolError,
    ResponseHead,
    ResponseReader,
    chunk,
    last_chunk,
)
from pipelock.proxy.limits import CHUNK
from pipelock.proxy.upstream_request import Key, ResponseSink, UpstreamRequest

__all__ = ["Owner", "Unheard", "UpstreamConnection"]

MAX_SWITCHED = 64 * 1024
"""What an origin may send behind its 101 before somebody takes the connection over."""

_PIECE = 256 * 1024
_FULL_READ = 60_000
"""A read of about this size (TLS takes some of it away) means that more is waiting: the next ones may be larger."""
_NEVER = float("inf")


class Owner(Shape):
    """The pool, as its connections see it."""

    clock: Clock
    limits: Limits

    def lost(self, connection: UpstreamConnection) -> None:
        """The connection is gone, or as good as gone."""

    def closing(self, connection: UpstreamConnection) -> None:
        """It is being closed in order, and is to be cut off if that takes long."""

    def release(self, connection: UpstreamConnection) -> None:
        """An exchange ended cleanly: another may follow."""


Unheard = Callable[[], None]


@implementer(IPushProducer)
class UpstreamConnection(Protocol):
    """One connection; see the top of the file.

    Args:
        owner: The pool.
        key: What it connects to.
        heat: Told when it can be used.
    """

    transport: Wire | None  # type: ignore[assignment]  # a zope interface there

    def __init__(self, owner: Owner, key: Key, heat: Heat | None = None) -> None:
        self.key = key
        self.idle_since = 0.0
        self.epoch = 0
        self.silence: float | None = None
        self._owner = owner
        self._heat = heat
        self._moved_at = 0.0
        self._sink: ResponseSink | None = None
        self._reader: ResponseReader | None = None
        self._request: UpstreamRequest | None = None
        self._unheard: Unheard | None = None
        self._unsent: memoryview | None = None
        self._left: int | None = None
        self._heard = self._is_held = self._is_paused = False
        self._is_sent = True
        self._taken: Protocol | None = None

    # -- the sending side ------------------------------------------------------------------------------------------

    def serve(
        self, request: UpstreamRequest, sink: ResponseSink, silence: float | None = None, unheard: Unheard | None = None
    ) -> None:
        """Send `request` and report its response to `sink`.

        Args:
            request: With `body=None` the connection waits for `write` and `finish`.
            sink: Who wants the response.
            silence: Seconds without a byte moving in either direction after which `check_silence` fails the exchange.
            unheard: Called instead of the sink if the origin left without a word.
        """
        self._request, self._sink, self._unheard = request, sink, unheard
        self._heard = False
        self.silence = silence
        self._moved_at = self._owner.clock.seconds()
        self._reader = ResponseReader(request.method, self._owner.limits, upgrade=request.upgrade)
        transport, body = self.transport, request.body
        if transport is None:
            return
        if body is not None and len(body) <= CHUNK:
            self._is_sent = True
            write_now(transport, request.head + body)
            return
        self._is_sent = False
        transport.registerProducer(self, streaming=True)
        if body is None:
            self._left = None if request.chunked else _announced_length(request.head)
            write_now(transport, request.head)
        else:
            self._unsent = memoryview(body)
            transport.write(request.head)
            self._push()

    def write(self, data: bytes) -> None:
        """Send `data` of a streamed body."""
        transport, request = self.transport, self._request
        if transport is None or request is None or self._is_sent or not data:
            return
        self._moved_at = self._owner.clock.seconds()
        if not request.chunked:
            if not self._counts(len(data)):
                return
            write_now(transport, data) if len(data) <= CHUNK else transport.write(data)
        elif len(data) <= CHUNK:
            write_now(transport, chunk(data))
        else:
            transport.write(b"%x\r\n" % len(data))
            transport.write(data)
            transport.write(b"\r\n")

    def finish(self, trailers: Headers = ()) -> None:
        """A streamed body is complete."""
        transport, request = self.transport, self._request
        if transport is None or request is None or self._is_sent:
            return
        if request.chunked:
            write_now(transport, last_chunk(trailers))
        elif self._left:
            self._fail("the request's body ended before its announced length")
            return
        self._sent()

    def _counts(self, size: int) -> bool:
        """Whether a body of announced length may go on by `size` bytes: one more would be another request's first."""
        if self._left is None or size > self._left:
            self._fail("the request's body is not of the announced length")
            return False
        self._left -= size
        return True

    def _push(self) -> None:
        """Write as much of a large body as the origin takes."""
        while self._unsent and not self._is_held and self.transport is not None:
            piece, self._unsent = self._unsent[:_PIECE], self._unsent[_PIECE:]
            self.transport.write(bytes(piece))
        if not self._unsent and not self._is_sent:
            self._sent()

    def _sent(self) -> None:
        self._is_sent = True
        if self.transport is not None:
            self.transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """The transport holds enough: the sender is to wait."""
        if self._is_held:
            return
        self._is_held = True
        if self._unsent is None and self._sink is not None:
            self._sink.request_hold()

    def resumeProducing(self) -> None:
        """The origin took what was written."""
        self._moved_at = self._owner.clock.seconds()
        if not self._is_held:
            return
        self._is_held = False
        if self._unsent is not None:
            self._push()
        elif self._sink is not None:
            self._sink.request_more()

    def hold_is_over(self) -> None:
        """What was kept until the connection was there is written: its sender may go on, unless that was too much."""
        if not self._is_held and not self._is_sent and self._sink is not None:
            self._sink.request_more()

    def stopProducing(self) -> None:
        """The connection is lost, which `connectionLost` tells as well."""

    # -- the receiving side ----------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Connected, with the right server: TLS is done below."""
        send_at_once(self.transport)
        heat, self._heat = self._heat, None
        if heat is not None:
            heat.opened()

    def dataReceived(self, data: bytes) -> None:
        """Parse; anything an idle origin says is a reason to hang up."""
        if self._taken is not None:
            self._taken.dataReceived(data)
            return
        if self._reader is None:
            self.abort()
            return
        self._heard = True
        self._moved_at = self._owner.clock.seconds()
        if len(data) >= _FULL_READ and self.transport is not None:
            self.transport.bufferSize = _PIECE
        try:
            events = self._reader.feed(data)
        except RemoteProtocolError as error:
            self._fail(f"the upstream's answer is malformed: {error}")
            return
        if self._reader.buffered > MAX_SWITCHED:
            self._fail("the upstream sends before anybody listens to the protocol it switched to")
            return
        self._deliver(events)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End of stream: completes a body that lasts until then if it ended in order, fails anything else."""
        self._owner.lost(self)
        if self._taken is not None:
            taken, self._taken = self._taken, None
            taken.connectionLost(reason)
            return
        if self._sink is None or self._reader is None:
            return
        if not self._heard and self._unheard is not None:
            unheard = self._unheard
            self._forget()
            unheard()
        elif isinstance(reason.value, ConnectionDone):
            self._ended()
        elif isinstance(reason.value, ConnectionLost | ConnectionAborted):
            # A body that lasts until the end of the connection is not known to be whole without a proper one
            # (RFC 9112 §8, §9.8).
            self._fail("the upstream broke off the connection" + self._place())
        else:
            # TLS was cut or broke; only its words tell which.
            self._fail(f"the upstream's TLS connection failed{self._place()}: {one_line(reason.getErrorMessage())}")

    def _ended(self) -> None:
        if self._reader is None:
            return
        if not self._heard:
            self._fail("the upstream closed the connection" + self._place())
            return
        try:
            events = self._reader.feed_eof()
        except RemoteProtocolError as error:
            self._fail(f"the upstream closed too early: {error}")
            return
        if events:
            self._deliver(events)
        else:
            self._fail("the upstream closed the connection right after it switched protocols")

    def _place(self) -> str:
        return " in the middle of its response" if self._heard else " before it answered"

    def _deliver(self, events: list[ResponseHead | BodyData | MessageComplete]) -> None:
        for event in events:
            sink = self._sink
            if sink is None:
                return
            if isinstance(event, BodyData):
                sink.response_data(event.data)
            elif isinstance(event, ResponseHead):
                if event.status == 408 and self._repeats_unheard():
                    return
                if event.status == 101:
                    self.pause()
                sink.response_head(event)
            else:
                self._complete(sink, event.trailers)

    def _repeats_unheard(self) -> bool:
        """Whether a 408 was the farewell of a connection that idled, crossing our request (RFC 9110 §15.5.9)."""
        unheard = self._unheard
        if unheard is None or self._request is None or not self._request.is_repeatable:
            return False
        self._forget()
        self.abort()
        unheard()
        return True

    def _complete(self, sink: ResponseSink, trailers: Headers) -> None:
        # Bytes behind the response would be taken for the next one's, and those of a body that the origin did not wait
        # for for the next request: such a connection is not kept.
        keep = self._reader is not None and self._reader.is_reusable and self._is_sent
        all_sent = self._is_sent
        self._forget()
        if keep:
            self.resume()
            if self.transport is not None:
                self.transport.bufferSize = CHUNK
            self._owner.release(self)
        elif all_sent:
            self.close()
        else:
            self.abort()
        if trailers:
            sink.response_end(trailers)
        else:
            sink.response_end()

    # -- life ------------------------------------------------------------------------------------------------------

    def is_serving(self, sink: ResponseSink) -> bool:
        """Whether the exchange under way is that of `sink`."""
        return self._sink is sink

    def abandon(self) -> None:
        """The sink is not interested any more."""
        self._forget()
        self.abort()

    def check_silence(self, now: float) -> None:
        """Fail the exchange if no byte has moved for `silence` seconds. One that its receiver paused is not late."""
        if self.silence is None or self._is_paused or self._sink is None or now - self._moved_at < self.silence:
            return
        seconds = f"{self.silence:.0f} s"
        if not self._is_sent:
            # While its sender is asked for nothing it is the sender who is late, and that is for others to say.
            if self._is_held:
                self._fail(f"the upstream took nothing of the request for {seconds}", 504)
        elif self._heard:
            self._fail(f"the upstream's answer stalled for {seconds}", 504)
        else:
            self._fail(f"the upstream did not answer within {seconds}", 504)

    def take_over(self, protocol: Protocol) -> tuple[Wire, bytes]:
        """After a 101: hand the connection to `protocol`, which is made the connection's; returns what came early.

        Raises:
            LocalProtocolError: There is no 101 to follow.
        """
        transport, reader = self.transport, self._reader
        if transport is None or reader is None or not reader.is_switched:
            raise LocalProtocolError("the upstream has not switched protocols")
        if not self._is_sent:
            self._sent()
        self._forget()
        self._taken = protocol
        protocol.makeConnection(transport)  # type: ignore[no-untyped-call]
        self.resume()
        return transport, reader.take_rest()

    def pause(self) -> None:
        """Stop reading: the client is slower than the origin."""
        self._is_paused = True
        if self.transport is not None:
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again."""
        if not self._is_paused:
            return
        self._is_paused = False
        self._moved_at = self._owner.clock.seconds()
        if self.transport is not None:
            self.transport.resumeProducing()

    def close(self) -> None:
        """Close when everything is written. Its place in the pool is free at once."""
        self._owner.lost(self)
        if self.transport is not None:
            self._owner.closing(self)
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def abort(self) -> None:
        """Close at once, and likewise."""
        self._owner.lost(self)
        if self.transport is not None:
            self.transport.unregisterProducer()
            self.transport.abortConnection()

    def _fail(self, why: str, status: int = 502) -> None:
        sink = self._sink
        self._forget()
        self.abort()
        if sink is not None:
            sink.response_failed(why, status)

    def _forget(self) -> None:
        self._sink = self._reader = self._request = self._unheard = self._unsent = self._left = None
        self._heard = self._is_held = False
        self._is_sent = True


def _announced_length(head: bytes) -> int:
    """The Content-Length of a head that we wrote ourselves; 0 where it has none, so that nothing may follow it."""
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    value = head[at + 17 : head.index(b"\r\n", at + 2)].strip()
    return int(value) if value.isdigit() else 0
