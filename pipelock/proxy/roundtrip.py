"""One judged request and its judged response, for a road that reads the whole of it before it answers: `/fetch`.

    judge(request) ─▶ send to a judged address ─▶ collect ─▶ decode ─▶ judge(response) ─▶ done(result)

A response is held in memory whole before a byte of it is let through, up to `max_response_body` of wire bytes and as
many of decoded ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from twisted.python.failure import Failure

from pipelock.door.door import Ticket
from pipelock.model import Action, BlockReason, Decision, Fault, Verdict
from pipelock.proxy.answers import answer_action
from pipelock.proxy.bodies.encoding import decode_body
from pipelock.proxy.bodies.faults import TOO_BUSY
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.http1 import Headers, ResponseHead
from pipelock.proxy.upstream import Origin, Sending, UpstreamRequest, untrusted_upstream

__all__ = ["Answered", "Failed", "Refused", "Result", "RoundTrip"]


@dataclass(frozen=True, slots=True)
class Refused:
    """The request or its response was refused; `action` is the one that was."""

    action: Action
    decision: Decision


@dataclass(frozen=True, slots=True)
class Failed:
    """The upstream could not be reached; nothing was refused."""

    status: int
    why: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A judged response. `body` is what was judged; `rewritten` where that is not what was on the wire."""

    head: ResponseHead
    body: bytes
    rewritten: bool
    decision: Decision


Result = Refused | Failed | Answered
View = Callable[[bytes, str], bytes]

_OFFLOAD_BYTES = 64 * 1024
"""Encoded or rendered bodies from this size on are read in a thread."""


class RoundTrip:
    """Carries `request` through. `done` is called once, unless `cancel` comes first.

    Args:
        context: The shared parts.
        request: The request, as an action.
        build: Makes the bytes to send from the decision.
        done: Takes the result. It must call `finish` when it no longer holds the body.
        view: What of a decoded body (and its Content-Type) is judged and handed on; the whole of it by default.
    """

    def __init__(
        self,
        context: ProxyContext,
        request: Action,
        build: Callable[[Decision], tuple[Origin, UpstreamRequest]],
        done: Callable[[Result], None],
        view: View | None = None,
    ) -> None:
        self.deadline = 0.0
        self._context = context
        self._request = request
        self._build = build
        self._view = view
        self._done: Callable[[Result], None] | None = done
        self._ticket: Ticket | None = None
        self._sending: Sending | None = None
        self._head: ResponseHead | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._reserved = 0
        self._encoded = False

    def start(self) -> None:
        """Have the request judged, and go on from there."""
        ticket = self._context.door.judge(self._request, self._request_judged)
        if ticket.then is not None:
            self._ticket = ticket

    def cancel(self) -> None:
        """The client is gone."""
        self._done = None
        if self._ticket is not None:
            self._ticket.abandon()
        self._stop_sending()
        self.finish()

    def finish(self) -> None:
        """Give back the memory that the response took."""
        self._context.budget.give(self._reserved)
        self._reserved = 0
        self._pieces = []

    # -- the request -----------------------------------------------------------------------------------------------

    def _request_judged(self, decision: Decision) -> None:
        self._ticket = None
        if self._done is None:
            return
        if decision.verdict is Verdict.BLOCK:
            self._end(Refused(self._request, decision))
            return
        origin, request = self._build(decision)
        self._context.watched[self] = None
        self._touch()
        sending = self._context.pool.send(origin, decision.addresses, request, self)
        if self in self._context.watched:
            self._sending = sending
        else:
            # It is over already. Cancelling what ended is nothing; what was refused half-way must not read on.
            sending.cancel()

    # -- the response ----------------------------------------------------------------------------------------------

    def response_head(self, head: ResponseHead) -> None:
        """The upstream answered."""
        self._touch()
        self._head = head
        if head.content_length is not None and head.content_length > self._context.settings.max_response_body:
            self._fault(_too_large(self._context.settings.max_response_body))

    def response_data(self, data: bytes) -> None:
        """A piece of the body."""
        if self._done is None or self not in self._context.watched:
            return
        self._touch()
        self._size += len(data)
        limit = self._context.settings.max_response_body
        if self._size > limit:
            self._fault(_too_large(limit))
        elif not self._context.budget.take(len(data)):
            self._fault(TOO_BUSY)
        else:
            self._reserved += len(data)
            self._pieces.append(data)

    def request_hold(self) -> None:
        """Requests are sent whole here."""

    def request_more(self) -> None:
        """Likewise."""

    def response_end(self, trailers: Headers = ()) -> None:
        """The body is complete. Trailers are dropped: the answer goes out with a length."""
        head = self._head
        if self._done is None or head is None or self not in self._context.watched:
            return
        self._sent()
        wire = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        encodings = [value for name, value in head.headers if name == "content-encoding"]
        self._encoded = bool(encodings)
        if not wire or not (encodings or self._view):
            self._judge_response(head, wire, None)
            return
        limit, view = self._context.settings.max_response_body, self._view
        content_type = _content_type(head)

        def read() -> bytes | Fault:
            decoded = decode_body(", ".join(encodings), wire, limit)
            if isinstance(decoded, Fault):
                return decoded
            return view(decoded.data, content_type) if view is not None else decoded.data

        if len(wire) < _OFFLOAD_BYTES:
            self._was_read(head, read())
        else:
            self._context.offload(read, lambda result: self._was_read(head, result))

    def _was_read(self, head: ResponseHead, result: bytes | Fault | Failure) -> None:
        if self._done is None:
            return
        if isinstance(result, Failure):
            # Whatever a decoder or a page reader stumbled over, nobody has judged it.
            result = Fault(BlockReason.PARSE_ERROR, "the response could not be read", 502)
        # The decoded body takes the wire's place in memory.
        self._context.budget.give(self._reserved)
        self._reserved = 0
        if isinstance(result, bytes) and not self._context.budget.take(len(result)):
            result = TOO_BUSY
        if isinstance(result, Fault):
            self._judge_response(head, b"", result)
        else:
            self._reserved = len(result)
            self._judge_response(head, result, None)

    def response_failed(self, why: str, status: int = 502, *, untrusted: bool = False) -> None:
        """There is no response, or no more of it. `untrusted`: the upstream could not prove who it is."""
        if self._done is None or self not in self._context.watched:
            return
        self._sent()
        if untrusted:
            self._judge_untrusted(why)
        elif self._head is None:
            self._context.door.failed(self._request, why)
            self._end(Failed(status, why))
        else:
            self._judge_response(self._head, b"", Fault(BlockReason.PARSE_ERROR, why, status))

    def _judge_untrusted(self, why: str) -> None:
        action = msgspec.structs.replace(self._request, fault=untrusted_upstream(why))

        def judged(decision: Decision) -> None:
            self._ticket = None
            self._end(Refused(action, decision))

        ticket = self._context.door.judge(action, judged)
        if ticket.then is not None:
            self._ticket = ticket

    def expired(self) -> None:
        """The upstream was silent for too long."""
        seconds = self._context.settings.upstream_seconds
        if self._head is None:
            self._unwatch()
            self._stop_sending()
            why = f"the upstream did not answer within {seconds:.0f} s"
            self._context.door.failed(self._request, why)
            self._end(Failed(504, why))
        else:
            self._fault(Fault(BlockReason.TIMEOUT, f"the upstream's answer stalled for {seconds:.0f} s", 504))

    def _fault(self, fault: Fault) -> None:
        self._unwatch()
        self._stop_sending()
        self._pieces = []
        if self._head is not None:
            self._judge_response(self._head, b"", fault)

    def _judge_response(self, head: ResponseHead, body: bytes, fault: Fault | None) -> None:
        action = msgspec.structs.replace(answer_action(self._request, head), body=body, fault=fault, size=self._size)

        def judged(decision: Decision) -> None:
            self._ticket = None
            if decision.verdict is Verdict.BLOCK:
                self._end(Refused(action, decision))
            elif decision.body is not None:
                self._end(Answered(head, decision.body, rewritten=True, decision=decision))
            else:
                # Encoded bodies go on as they were judged, decoded: two decoders can read one stream in two ways.
                self._end(Answered(head, body, rewritten=self._encoded and bool(body), decision=decision))

        ticket = self._context.door.judge(action, judged)
        if ticket.then is not None:
            self._ticket = ticket

    # -- ends ------------------------------------------------------------------------------------------------------

    def _touch(self) -> None:
        self.deadline = self._context.clock.seconds() + self._context.settings.upstream_seconds

    def _unwatch(self) -> None:
        self._context.watched.pop(self, None)

    def _sent(self) -> None:
        """The exchange is over. Its connection may serve someone else now: nothing of it may be cancelled later."""
        self._unwatch()
        self._sending = None

    def _stop_sending(self) -> None:
        self._unwatch()
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()

    def _end(self, result: Result) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(result)


def _content_type(head: ResponseHead) -> str:
    return next((value for name, value in head.headers if name == "content-type"), "")


def _too_large(limit: int) -> Fault:
    return Fault(
        BlockReason.RESPONSE_SIZE,
        f"the response is larger than {limit // (1024 * 1024)} MiB, more than is scanned; raise "
        "fetch_proxy.max_response_mb",
        403,
    )
