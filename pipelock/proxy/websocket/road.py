"""One WebSocket on its way to being open.

opening request ─▶ judged ─▶ sent to a judged address ─┬─ 101 ─▶ judged ─▶ both sides switch ─▶ `WebSocketSession`
                                                       └─ anything else ─▶ held, judged, answered
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Protocol as Shape

import msgspec

from pipelock.door.door import Ticket
from pipelock.door.edges import Wire
from pipelock.model import Action, BlockReason, Decision, Direction, Fault, Kind, Verdict, escape
from pipelock.proxy.answers import TEXT, answer_headers
from pipelock.proxy.bodies.encoding import decode_body
from pipelock.proxy.context import ProxyContext
from pipelock.proxy.forward import Destination
from pipelock.proxy.headers import forwardable_request
from pipelock.proxy.http1 import Headers, LocalProtocolError, ResponseHead, request_head, response_head
from pipelock.proxy.pages import refusal_headers
from pipelock.proxy.serving import Receiver
from pipelock.proxy.upstream import Origin, Sending, UpstreamRequest, untrusted_upstream
from pipelock.proxy.websocket.handshake import (
    Agreed,
    HandshakeError,
    Opening,
    accept_fields,
    opening_fields,
    read_answer,
    read_opening,
    shown_fields,
)
from pipelock.proxy.websocket.session import WebSocketSession

__all__ = ["MAX_REJECTION", "Near", "WebSocketRoad"]

MAX_REJECTION = 256 * 1024
"""Bytes of an answer that is no 101, and of that answer decoded."""

_NEVER = float("inf")
_SCHEMES = {"ws": "http", "wss": "https"}


class Near(Shape):
    """What is needed of the client's connection."""

    transport: Wire | None

    def answer(self, status: int, headers: Headers, body: bytes, *, after: Callable[[], None] | None = None) -> None:
        """Answer whole."""

    def refuse(self, action: Action, decision: Decision) -> None:
        """Answer that it was refused."""

    def take_over(self, receiver: Receiver) -> bytes:
        """From now on it is `receiver` who gets what the client sends; returns what came already."""

    def abort(self) -> None:
        """Close at once."""


class WebSocketRoad:
    """Opens one WebSocket; complete requests only.

    Args:
        context: The shared parts.
        client: Its connection.
        action: The opening request.
        destination: Where it goes.
        fields: What the upstream is sent besides the handshake; by default what any forwarded request brings along.
    """

    def __init__(
        self,
        context: ProxyContext,
        client: Near,
        action: Action,
        destination: Destination,
        fields: Headers | None = None,
    ) -> None:
        self.deadline = _NEVER
        self._context = context
        self._client = client
        self._action = _as_http(action)
        self._destination = destination
        self._fields = forwardable_request(destination.head.headers) if fields is None else fields
        self._key = base64.b64encode(secrets.token_bytes(16)).decode("ascii")
        self._opening = Opening("")
        self._ticket: Ticket | None = None
        self._sending: Sending | None = None
        self._head: ResponseHead | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_over = False

    # -- asking ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Have the request judged."""
        try:
            self._opening = read_opening(self._destination.head)
        except HandshakeError as error:
            self._malformed(error)
            return
        if self._has_room():
            self._judge(self._action, self._request_judged)

    def _has_room(self) -> bool:
        """Whether one more may be open; answers that none may where that is so."""
        if self._context.door.stats.websockets < self._context.settings.websocket.max_connections:
            return True
        self._over()
        self._client.answer(503, TEXT, b"too many active WebSocket connections\n")
        return False

    def cancel(self) -> None:
        """The client is gone."""
        if not self._is_over:
            self._over()

    def _malformed(self, error: HandshakeError) -> None:
        fault = Fault(BlockReason.BAD_REQUEST, str(error), error.status)
        action = msgspec.structs.replace(self._action, fault=fault)
        self._judge(action, lambda decision: self._answer_malformed(action, decision))

    def _answer_malformed(self, action: Action, decision: Decision) -> None:
        if decision.status != 426:
            self._refused(action, decision)
            return
        # RFC 6455 §4.4, RFC 9110 §15.5.22: what would be accepted.
        self._over()
        headers = (*TEXT, ("upgrade", "websocket"), ("sec-websocket-version", "13"))
        text = f"blocked: {escape(decision.reason)}\n".encode()
        self._client.answer(426, (*headers, *refusal_headers(decision, explain=False)), text)

    def _judge(self, action: Action, then: Callable[[Decision], None]) -> None:
        def judged(decision: Decision) -> None:
            self._ticket = None
            if not self._is_over:
                then(decision)

        ticket = self._context.door.judge(action, judged)
        if ticket.then is not None:
            self._ticket = ticket

    def _request_judged(self, decision: Decision) -> None:
        if decision.verdict is Verdict.BLOCK:
            self._refused(self._action, decision)
            return
        target, context = self._destination.target, self._context
        lines = (
            ("host", self._destination.authority or target.authority),
            *opening_fields(self._key, self._opening),
            *(pair for pair in self._fields if not pair[0].startswith("sec-websocket-")),
        )
        request = UpstreamRequest("GET", request_head("GET", target.path_query, lines), b"", upgrade=True)
        origin = Origin.of(target)
        context.watched[self] = None
        self.deadline = context.clock.seconds() + context.settings.upstream_seconds
        sending = context.pool.send(origin, decision.addresses, request, self)
        if self._is_over:
            sending.cancel()
        else:
            self._sending = sending

    # -- the upstream's answer -------------------------------------------------------------------------------------

    def response_head(self, head: ResponseHead) -> None:
        """The head of the answer."""
        if self._is_over:
            return
        self._head = head
        self.deadline = self._context.clock.seconds() + self._context.settings.upstream_seconds
        if head.status != 101:
            return
        self.deadline = _NEVER
        try:
            agreed = read_answer(head, self._key, self._opening)
        except HandshakeError as error:
            self._failed(502, str(error))
            return
        action = self._answer_action(head, b"")
        self._judge(action, lambda decision: self._switch_judged(head, agreed, action, decision))

    def _switch_judged(self, head: ResponseHead, agreed: Agreed, action: Action, decision: Decision) -> None:
        if decision.verdict is Verdict.BLOCK:
            self._refused(action, decision)
        else:
            self._switch(head, agreed)

    def _switch(self, head: ResponseHead, agreed: Agreed) -> None:
        client, context, sending = self._client, self._context, self._sending
        if client.transport is None or sending is None:
            self._over()
            return
        if not self._has_room():
            return
        session = WebSocketSession(
            context,
            client,
            self._action,
            self._opening.deflate if agreed.deflate is not None else None,
            agreed.deflate,
        )
        try:
            _, early = sending.take_over(session.leg)
        except LocalProtocolError as error:
            self._failed(502, str(error))
            return
        self._sending = None
        self._over()
        waiting = client.take_over(session)
        client.transport.write(response_head(101, "Switching Protocols", accept_fields(self._opening, agreed, head)))
        session.start(waiting, early)

    def response_data(self, data: bytes) -> None:
        """A piece of an answer that is no 101."""
        if self._is_over or self._head is None:
            return
        self._size += len(data)
        if self._size > MAX_REJECTION:
            detail = f"the upstream's answer, which opens no WebSocket, is larger than {MAX_REJECTION // 1024} KiB"
            self._answer_judged_for(self._head, Fault(BlockReason.RESPONSE_SIZE, detail, 403))
        else:
            self._pieces.append(data)

    def response_end(self, trailers: Headers = ()) -> None:
        """That answer is complete."""
        head = self._head
        if self._is_over or head is None:
            return
        self._sending = None
        codings = ", ".join(value for name, value in head.headers if name == "content-encoding")
        wire, self._pieces = b"".join(self._pieces), []
        if not wire or not codings:
            self._judge_rejection(head, wire, decoded=False)
            return
        decoded = decode_body(codings, wire, MAX_REJECTION)
        if isinstance(decoded, Fault):
            self._answer_judged_for(head, decoded)
        else:
            self._judge_rejection(head, decoded.data, decoded=bool(decoded.codings))

    def _judge_rejection(self, head: ResponseHead, body: bytes, *, decoded: bool) -> None:
        self._context.watched.pop(self, None)
        action = self._answer_action(head, body)

        def judged(decision: Decision) -> None:
            if decision.verdict is Verdict.BLOCK:
                self._refused(action, decision)
                return
            passing = body if decision.body is None else decision.body
            headers = answer_headers("GET", head, reencoded=decoded or decision.body is not None)
            self._over()
            self._client.answer(head.status, headers, passing)

        self._judge(action, judged)

    def _answer_judged_for(self, head: ResponseHead, fault: Fault) -> None:
        """Have an answer that can't be read refused."""
        self._context.watched.pop(self, None)
        self._pieces = []
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()
        action = msgspec.structs.replace(self._answer_action(head, b""), fault=fault)
        self._judge(action, lambda decision: self._refused(action, decision))

    def _answer_action(self, head: ResponseHead, body: bytes) -> Action:
        return msgspec.structs.replace(
            self._action,
            kind=Kind.RESPONSE,
            direction=Direction.INBOUND,
            headers=shown_fields(head.headers),
            body=body,
            content_type=next((value for name, value in head.headers if name == "content-type"), ""),
            status=head.status,
            size=self._size,
        )

    def response_failed(self, why: str, status: int = 502, *, untrusted: bool = False) -> None:
        """There is no answer, or no more of it. `untrusted`: the upstream could not prove who it is."""
        self._sending = None
        if self._is_over:
            return
        if untrusted:
            self._context.watched.pop(self, None)
            action = msgspec.structs.replace(self._action, fault=untrusted_upstream(why))
            self._judge(action, lambda decision: self._refused(action, decision))
        elif self._head is not None and self._head.status != 101:
            self._answer_judged_for(self._head, Fault(BlockReason.PARSE_ERROR, why, status))
        else:
            self._failed(status, why)

    def request_hold(self) -> None:
        """There is no body to wait with."""

    def request_more(self) -> None:
        """Likewise."""

    # -- ends ------------------------------------------------------------------------------------------------------

    def expired(self) -> None:
        """The upstream was silent for too long."""
        seconds = self._context.settings.upstream_seconds
        if self._head is None:
            self._failed(504, f"the upstream did not answer within {seconds:.0f} s")
        else:
            fault = Fault(BlockReason.TIMEOUT, f"the upstream's answer stalled for {seconds:.0f} s", 504)
            self._answer_judged_for(self._head, fault)

    def _failed(self, status: int, why: str) -> None:
        self._over()
        self._context.door.failed(self._action, why)
        self._client.answer(status, TEXT, f"pipelock: upstream error: {why}\n".encode())

    def _refused(self, action: Action, decision: Decision) -> None:
        self._over()
        self._client.refuse(action, decision)

    def _over(self) -> None:
        self._is_over = True
        self._pieces = []
        self._context.watched.pop(self, None)
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            ticket.abandon()
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.cancel()


def _as_http(action: Action) -> Action:
    """The opening request as it is judged: it is a request over HTTP, whatever its URL calls that."""
    scheme, separator, rest = action.url.partition("://")
    return msgspec.structs.replace(
        action,
        url=f"{_SCHEMES.get(scheme.lower(), scheme)}{separator}{rest}",
        headers=shown_fields(action.headers),
    )
