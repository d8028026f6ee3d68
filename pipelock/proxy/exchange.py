"""One request and its answer, both judged while they pass: forwarded, intercepted, or for a fixed upstream.

    request_data ─▶ upload (judged) ─▶ upstream ─▶ download (judged) ─▶ client

Bodies up to the limits of config are held until they were judged whole. Larger ones, and streams of events, flow on
piece by piece, each judged before it passes; whoever takes slowly slows the other end down.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape

import msgspec

from pipelock.door.door import Ticket
from pipelock.model import Action, BlockReason, Decision, Fault, Transport, Verdict
from pipelock.proxy.answers import BODILESS, TEXT, answer_action, answer_headers
from pipelock.proxy.bodies.stream import BodyStream, open_answer, open_request, too_large_request
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.forward import Destination
from pipelock.proxy.http1 import Headers, ResponseHead
from pipelock.proxy.upstream import Sending, untrusted_upstream

__all__ = ["Exchange", "Near"]


class Near(Shape):
    """What an exchange needs of the client's connection."""

    has_begun: bool

    def answer(self, status: int, headers: Headers, body: bytes, *, after: Callable[[], None] | None = None) -> None:
        """Answer whole."""

    def refuse(self, action: Action, decision: Decision) -> None:
        """Answer that it was refused."""

    def begin(self, status: int, headers: Headers, length: int | None) -> None:
        """Begin an answer."""

    def send(self, data: bytes) -> None:
        """More of it."""

    def end(self) -> None:
        """It is complete."""

    def cut(self) -> None:
        """It breaks off."""

    def hold_body(self) -> None:
        """Read no more of the request for now."""

    def read_body(self) -> None:
        """Read on."""

    def let_flow(self) -> None:
        """The request is passed on while it arrives."""

    def stop_reading(self) -> None:
        """Read nothing more of the request."""

    def say_continue(self) -> None:
        """Have the client send its body."""


class Exchange:
    """Carries one request.

    Args:
        context: The shared parts.
        client: Its connection.
        action: The request, without its body.
        destination: Where it goes.
    """

    def __init__(self, context: ProxyContext, client: Near, action: Action, destination: Destination) -> None:
        self.context = context
        self.client = client
        self.action = action
        self.destination = destination
        self.is_over = False
        self.request_ended = False
        self.sending: Sending | None = None
        self._is_sending = False
        self._ticket: Ticket | None = None
        self._upload: Upload | None = None
        self._download: Download | None = None
        self._head: ResponseHead | None = None

    # -- what the client's connection calls ------------------------------------------------------------------------

    def start(self) -> None:
        """The head is there."""
        head, context = self.destination.head, self.context
        if not head.has_body:
            return
        if context.door.engine.kill.applies_to(self.action.client, self.action.session):
            # A body is not waited for when everything is stopped.
            self.client.stop_reading()
            self._judge(self.action, self._only_refused)
            return
        too_large = self._too_large_request()
        if too_large is not None:
            self.refuse_unread(too_large)
            return
        self._upload = Upload(self)
        if head.expect_continue:
            self.client.say_continue()

    def refuse_unread(self, fault: Fault) -> None:
        """Have the request refused for a reason that does not wait for the rest of it."""
        self.client.stop_reading()
        self._judge(msgspec.structs.replace(self.action, fault=fault), self._only_refused)

    def request_data(self, data: bytes) -> None:
        """A piece of the request's body."""
        if self._upload is not None:
            self._upload.stream.feed(data)

    def request_end(self) -> None:
        """The request is complete."""
        self.request_ended = True
        if self._upload is not None:
            self._upload.stream.finish()
        else:
            self._judge(self.action, self._judged_bodiless)

    def client_blocked(self) -> None:
        """The client takes no more of the answer."""
        if self._download is not None:
            self._download.stream.pause()
        elif self.sending is not None:
            self.sending.pause()

    def client_ready(self) -> None:
        """It takes more."""
        if self._download is not None:
            self._download.stream.resume()
        elif self.sending is not None:
            self.sending.resume()

    def cancel(self) -> None:
        """The client is gone."""
        if not self.is_over:
            self._over()
            self._stop_sending()

    # -- the request -----------------------------------------------------------------------------------------------

    def _judge(self, action: Action, then: Callable[[Action, Decision], None]) -> None:
        def judged(decision: Decision) -> None:
            self._ticket = None
            if not self.is_over:
                then(action, decision)

        ticket = self.context.door.judge(action, judged)
        if ticket.then is not None:
            self._ticket = ticket

    def _only_refused(self, action: Action, decision: Decision) -> None:
        self.refused(action, decision)

    def _judged_bodiless(self, action: Action, decision: Decision) -> None:
        if decision.verdict is Verdict.BLOCK:
            self.refused(action, decision)
        else:
            self.send_whole(decision, b"")

    def send_whole(self, decision: Decision, body: bytes) -> None:
        """The request was judged whole: send it."""
        request = self.destination.whole(body, rewritten=decision.body is not None)
        self._send(decision, lambda: self.context.pool.send(self.destination.origin, decision.addresses, request, self))

    def send_streamed(self, decision: Decision) -> None:
        """What there is of the request was judged: send its head, and what follows as it is judged."""
        self.client.let_flow()
        request = self.destination.streamed()
        self._send(decision, lambda: self.context.pool.send(self.destination.origin, decision.addresses, request, self))

    def _send(self, decision: Decision, send: Callable[[], Sending]) -> None:
        self._is_sending = True
        sending = send()
        if self.is_over or not self._is_sending:
            # It is over already. Cancelling what ended is nothing; what was refused half-way must not read on.
            sending.cancel()
        else:
            self.sending = sending
            # Whose turn it is, and whether anything moves, is known where the bytes are.
            sending.be_patient(self._patience)

    def request_hold(self) -> None:
        """The upstream takes no more of the request."""
        if self._upload is not None:
            self._upload.stream.pause()

    def request_more(self) -> None:
        """It takes more."""
        if self._upload is not None:
            self._upload.stream.resume()

    def refused(self, action: Action, decision: Decision) -> None:
        """Somebody, or policy, says no."""
        self._over()
        self._stop_sending()
        if self.client.has_begun:
            self.client.cut()
        else:
            self.client.refuse(action, decision)

    def _too_large_request(self) -> Fault | None:
        settings, head = self.context.settings, self.destination.head
        if (head.content_length or 0) <= settings.max_request_body:
            return None
        return None if settings.streams_requests else too_large_request(settings.max_request_body)

    # -- the answer ------------------------------------------------------------------------------------------------

    def response_head(self, head: ResponseHead) -> None:
        """The upstream answered."""
        if self.is_over:
            return
        self._head = head
        method = self.action.method
        if method == "HEAD" or head.status in BODILESS or head.content_length == 0:
            return
        self._download = Download(self, head, answer_action(self.action, head))

    def response_data(self, data: bytes) -> None:
        """A piece of its body."""
        if not self.is_over and self._download is not None:
            self._download.stream.feed(data)

    def response_end(self, trailers: Headers = ()) -> None:
        """It is complete. Its trailers go no further: they come when all else was judged, and nobody reads them."""
        if self.is_over or self._head is None:
            return
        self._sent()
        if self._download is not None:
            self._download.ended = True
            self._download.stream.finish()
        else:
            self._judge(answer_action(self.action, self._head), self._bodiless_answer)

    def _bodiless_answer(self, action: Action, decision: Decision) -> None:
        head = self._head
        if decision.verdict is Verdict.BLOCK or head is None:
            self.refused(action, decision)
            return
        self._over()
        self.client.answer(head.status, answer_headers(self.action.method, head, reencoded=False), b"")

    def response_failed(self, why: str, status: int = 502, *, untrusted: bool = False) -> None:
        """There is no answer, or no more of it. `untrusted`: the upstream could not prove who it is."""
        if self.is_over:
            return
        self._sent()
        if untrusted:
            action = msgspec.structs.replace(self.action, fault=untrusted_upstream(why))
            self._judge(action, self._only_refused)
        elif self._head is None:
            self._failed(status, why)
        else:
            is_late = status == 504
            self._broken(Fault(BlockReason.TIMEOUT if is_late else BlockReason.PARSE_ERROR, why, status))

    def _broken(self, fault: Fault) -> None:
        if self._download is not None:
            self._download.stream.fail(fault)
        elif self._head is not None:
            action = msgspec.structs.replace(answer_action(self.action, self._head), fault=fault)
            self._judge(action, self._only_refused)

    def _failed(self, status: int, why: str) -> None:
        self.context.door.failed(self.action, why)
        self._over()
        self.client.answer(status, TEXT, f"pipelock: upstream error: {why}\n".encode())

    # -- time and ends ---------------------------------------------------------------------------------------------

    @property
    def _patience(self) -> float:
        settings = self.context.settings
        if self.action.transport is Transport.FORWARD:
            return settings.upstream_seconds
        # A model may think for minutes before it says a word; without interception it could as well.
        return max(settings.upstream_seconds, settings.tunnel_idle_seconds)

    def wait(self) -> None:
        """The upstream is not read, so its silence means nothing."""
        if self.sending is not None:
            self.sending.pause()

    def go_on(self) -> None:
        """It is read again."""
        if self.sending is not None:
            self.sending.resume()

    def finish(self) -> None:
        """The client has all of the answer, or what there will be of it."""
        self._over()
        self._stop_sending()

    def _over(self) -> None:
        self.is_over = True
        if self._ticket is not None:
            self._ticket.abandon()
            self._ticket = None
        for part in (self._upload, self._download):
            if part is not None:
                part.stream.cancel()

    def _sent(self) -> None:
        """The upstream is done. Its connection may serve someone else now: nothing of it may be cancelled later."""
        self._is_sending = False
        self.sending = None

    def _stop_sending(self) -> None:
        self._is_sending = False
        sending, self.sending = self.sending, None
        if sending is not None:
            sending.cancel()


class Upload:
    """The request's body on its way from the client: judged, then sent."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._decision: Decision | None = None
        self._pieces: list[bytes] = []
        self.flows = False
        """Whether a part of it has gone, and another has not."""
        self.stream: BodyStream = open_request(
            exchange.context, exchange.action, exchange.destination.head.content_length, self
        )

    def body_judged(self, decision: Decision) -> None:
        """The head, and the body as far as it was held, may go."""
        self._decision = decision

    def body_passed(self, data: bytes) -> None:
        """This may go."""
        exchange = self._exchange
        if self.flows:
            if exchange.sending is not None:
                exchange.sending.write(data)
            return
        self._pieces.append(data)
        if not exchange.request_ended and self._decision is not None:
            self.flows = True
            exchange.send_streamed(self._decision)
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                if exchange.sending is not None:
                    exchange.sending.write(piece)

    def body_done(self) -> None:
        """All of it may go."""
        exchange = self._exchange
        if self.flows:
            self.flows = False
            if exchange.sending is not None:
                exchange.sending.finish()
        elif self._decision is not None:
            pieces, self._pieces = self._pieces, []
            exchange.send_whole(self._decision, pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def body_refused(self, action: Action, decision: Decision) -> None:
        """It may not go, and what has gone is broken off."""
        self._pieces = []
        if not self._exchange.request_ended:
            self._exchange.client.stop_reading()
        self._exchange.refused(action, decision)

    def body_ended(self, ending: bytes, action: Action, decision: Decision) -> None:
        """Requests are no streams of events."""
        self.body_refused(action, decision)

    def body_hold(self) -> None:
        """Enough is waiting."""
        self._exchange.client.hold_body()

    def body_more(self) -> None:
        """Not enough is waiting."""
        self._exchange.client.read_body()


class Download:
    """The answer's body on its way from the upstream: judged, then given to the client."""

    def __init__(self, exchange: Exchange, head: ResponseHead, action: Action) -> None:
        self.ended = False
        """Whether the upstream has sent all of it."""
        self._exchange = exchange
        self._head = head
        self._decision: Decision | None = None
        self._pieces: list[bytes] = []
        self._flows = False
        self.stream: BodyStream = open_answer(exchange.context, action, head.content_length, self)

    def body_judged(self, decision: Decision) -> None:
        """The head, and the body as far as it was held, may go."""
        self._decision = decision

    def body_passed(self, data: bytes) -> None:
        """This may go."""
        if not self._flows and self.ended:
            self._pieces.append(data)
            return
        if not self._flows:
            self._begin()
        self._exchange.client.send(data)

    def body_done(self) -> None:
        """All of it may go."""
        exchange, pieces = self._exchange, self._pieces
        self._pieces = []
        client = exchange.client
        if self._flows:
            exchange.finish()
            client.end()
            return
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        headers = self._headers()
        exchange.finish()
        # It counts as held until the client has taken it.
        budget = exchange.context.budget
        budget.used += len(body)
        client.answer(self._head.status, headers, body, after=lambda: budget.give(len(body)))

    def body_refused(self, action: Action, decision: Decision) -> None:
        """It may not go; what has begun breaks off."""
        self._exchange.refused(action, decision)

    def body_ended(self, ending: bytes, action: Action, decision: Decision) -> None:
        """It may not go on; `ending` tells the client so in its own protocol."""
        exchange = self._exchange
        if not self._flows:
            exchange.refused(action, decision)
            return
        client = exchange.client
        exchange.finish()
        client.send(ending)
        client.end()

    def body_hold(self) -> None:
        """Enough is waiting."""
        self._exchange.wait()

    def body_more(self) -> None:
        """Not enough is waiting."""
        self._exchange.go_on()

    def _begin(self) -> None:
        self._flows = True
        length = self._head.content_length if self.stream.keeps_length else None
        self._exchange.client.begin(self._head.status, self._headers(), length)

    def _headers(self) -> Headers:
        rewritten = self.stream.is_decoded or (self._decision is not None and self._decision.body is not None)
        return answer_headers(self._exchange.action.method, self._head, reencoded=rewritten)
