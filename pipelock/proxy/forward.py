"""A judged request as it goes out, a judged response as it comes back: both written anew, never copied."""

from __future__ import annotations

from http import HTTPStatus

from pipelock.proxy.headers import forwardable_request, forwardable_response
from pipelock.proxy.http1 import RequestHead, request_head, response_head
from pipelock.proxy.roundtrip import Answered
from pipelock.proxy.target import Target
from pipelock.proxy.upstream import Origin, UpstreamRequest

__all__ = ["answer_head", "answer_headers", "upstream_request"]

# A part of a document can't be judged like the whole; a server may ignore Range (RFC 9110 §14.2), so it never hears it.
_PARTIAL = frozenset({"range", "if-range"})

# A compressed stream has room for what its content does not show (RFC 1952 §2.3: names, comments, extra fields), so a
# body goes out as it was judged, decoded.
_DECODED = frozenset({"content-encoding"})

# They describe the bytes that the client sent and are wrong for others (RFC 9530, RFC 1864).
_DIGESTS = frozenset({"content-digest", "repr-digest", "digest", "content-md5"})

# Answers that have no body (RFC 9110 §15.3.5, §15.4.5).
_BODILESS = frozenset({204, 304})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def upstream_request(
    head: RequestHead, target: Target, body: bytes, instead: bytes | None = None
) -> tuple[Origin, UpstreamRequest]:
    """The request in origin form, with our own framing and the judged body, or what was decided to send `instead`."""
    dropped = _PARTIAL | _DECODED
    if instead is not None:
        body = instead
        dropped |= _DIGESTS
    lines = [("host", target.authority)]
    lines.extend((name, value) for name, value in forwardable_request(head.headers) if name not in dropped)
    if body or head.content_length is not None or head.chunked:
        lines.append(("content-length", str(len(body))))
    origin = Origin(target.scheme, target.host, target.port)
    return origin, UpstreamRequest(head.method, request_head(head.method, target.path_query, lines), body)


def answer_head(
    head: RequestHead | None, status: int, headers: tuple[tuple[str, str], ...], length: int, *, close: bool
) -> bytes:
    """The head of an answer to the request `head`: our own framing, reason phrase and word about the connection.

    The origin's phrase is free text that nobody has judged; it is not repeated.
    """
    lines = list(headers)
    bodiless = status in _BODILESS or (head is not None and head.method == "HEAD")
    if not bodiless and not any(name == "content-length" for name, _ in headers):
        lines.append(("content-length", str(length)))
    if close:
        lines.append(("connection", "close"))
    elif head is not None and head.version == "1.0":
        lines.append(("connection", "keep-alive"))
    return response_head(status, _PHRASES.get(status, ""), lines)


def answer_headers(method: str, answered: Answered) -> tuple[tuple[str, str], ...]:
    """The response's headers for the client, with the length of what is really sent."""
    head = answered.head
    lines = list(forwardable_response(head.headers, reencoded=answered.rewritten))
    if (method == "HEAD" or head.status == 304) and head.content_length is not None:
        # The length a GET would have had, as the origin states it.
        lines.append(("content-length", str(head.content_length)))
    return tuple(lines)
