"""HTTP/1.1 without I/O: strict readers for both directions, and serialisers that cannot be talked into a second line.

Bytes go in, events come out; when to read, write, wait or give up is for whoever owns the sockets. What is refused, and
why, is told in docs/http-hardening.md.
"""

from __future__ import annotations

from pipelock.proxy._http1_errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from pipelock.proxy._http1_events import (
    BodyData,
    Headers,
    Limits,
    MessageComplete,
    RequestEvent,
    RequestHead,
    ResponseEvent,
    ResponseHead,
)
from pipelock.proxy._http1_request import RequestReader
from pipelock.proxy._http1_response import ResponseReader
from pipelock.proxy._http1_serialise import LAST_CHUNK, chunk, last_chunk, request_head, response_head

__all__ = [
    "LAST_CHUNK",
    "BodyData",
    "Headers",
    "Limits",
    "LocalProtocolError",
    "MessageComplete",
    "ProtocolError",
    "RemoteProtocolError",
    "RequestEvent",
    "RequestHead",
    "RequestReader",
    "ResponseEvent",
    "ResponseHead",
    "ResponseReader",
    "chunk",
    "last_chunk",
    "request_head",
    "response_head",
]
