"""Answers: as they are judged, and as they go back to a client: written anew from what was judged, never copied."""

from __future__ import annotations

from http import HTTPStatus

from pipelock.model import Action, Direction, Kind
from pipelock.proxy._http1_events import Headers, RequestHead, ResponseHead
from pipelock.proxy._http1_serialise import response_head
from pipelock.proxy.headers import forwardable_response

__all__ = ["BODILESS", "TEXT", "answer_action", "answer_head", "answer_headers"]

BODILESS = frozenset({204, 304})
"""Answers that have no body (RFC 9110 §15.3.5, §15.4.5)."""
TEXT: Headers = (("content-type", "text/plain; charset=utf-8"),)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_FRAMING = frozenset({"content-length", "transfer-encoding"})


def answer_action(request: Action, head: ResponseHead) -> Action:
    """The answer to `request` as it is judged, without its body."""
    return Action(
        id=request.id,
        kind=Kind.RESPONSE,
        transport=request.transport,
        direction=Direction.INBOUND,
        session=request.session,
        agent=request.agent,
        client=request.client,
        method=request.method,
        url=request.url,
        host=request.host,
        port=request.port,
        headers=head.headers,
        content_type=next((value for name, value in head.headers if name == "content-type"), ""),
        status=head.status,
        named=request.named,
        identity=request.identity,
    )


def answer_head(head: RequestHead | None, status: int, headers: Headers, length: int | None, *, close: bool) -> bytes:
    """The head of an answer to the request `head`: our own framing, reason phrase and word about the connection.

    The origin's phrase is free text that nobody has judged; it is not repeated. Without a `length` the caller says in
    `headers` how the body is framed, or ends it with the connection.
    """
    lines = list(headers)
    bodiless = status in BODILESS or (head is not None and head.method == "HEAD")
    if length is not None and not bodiless and not any(name in _FRAMING for name, _ in headers):
        lines.append(("content-length", str(length)))
    if close:
        lines.append(("connection", "close"))
    elif head is not None and head.version == "1.0":
        lines.append(("connection", "keep-alive"))
    return response_head(status, _phrase(status, headers), lines)


def _phrase(status: int, headers: Headers) -> str:
    """What the status means; of a refusal, that it is ours: many programs (pip, uv, wget, urllib) show nothing else."""
    if status >= 400:
        for name, value in headers:
            if name == "x-pipelock-block-reason":
                return f"Blocked by Pipelock ({value})"
    return _PHRASES.get(status, "")


def answer_headers(method: str, head: ResponseHead, *, reencoded: bool) -> Headers:
    """The upstream's headers for the client. `reencoded`: what is sent is not byte by byte what came."""
    lines = forwardable_response(head.headers, reencoded=reencoded)
    if (method == "HEAD" or head.status == 304) and head.content_length is not None:
        # The length a GET would have had, as the origin states it.
        lines = (*lines, ("content-length", str(head.content_length)))
    return lines
