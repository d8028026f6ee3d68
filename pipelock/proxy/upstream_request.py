"""What is asked of an upstream, by whom, and whom it is asked of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Shape

from twisted.internet.protocol import Factory

from pipelock.door.edges import Connector
from pipelock.model import BlockReason, Fault
from pipelock.proxy.http1 import Headers, ResponseHead
from pipelock.proxy.target import Target

__all__ = ["Dialler", "Key", "Origin", "ResponseSink", "UpstreamRequest", "untrusted_upstream"]

_SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Idempotent methods (RFC 9110 §9.2.2): may be sent again when a kept connection turns out to be dead."""

_SPOKEN = {"ws": "http", "wss": "https"}
_UNSPEAKABLE = "the server can't be trusted, and the names in its certificate hold what looks like instructions"

Key = tuple[str, str, int, str]
"""Scheme, host, port, address."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Who is to be talked to. For https the certificate must be `host`'s, which is in lower case."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, target: Target) -> Origin:
        """Who a WebSocket or any other request for `target` goes to: one, however its name is spelled."""
        return cls(_SPOKEN.get(target.scheme, target.scheme), target.host.lower(), target.port)


class Dialler(Shape):
    """Opens TCP, and TLS above it for https. The daemon does, and tests do."""

    def __call__(self, origin: Origin, address: str, factory: Factory, timeout: float) -> Connector:
        """Start connecting to `address`."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request as it goes out.

    Attributes:
        method: Says how the response is framed, and whether the request may be repeated.
        head: Serialised; it frames the body with Content-Length or Transfer-Encoding.
        body: The whole body; `None` where it comes by `Sending.write` and ends with `Sending.finish`.
        chunked: Whether a body that is written is to be framed in chunks.
        upgrade: Whether a 101 is welcome.
    """

    method: str
    head: bytes
    body: bytes | None = b""
    chunked: bool = False
    upgrade: bool = False

    @property
    def is_repeatable(self) -> bool:
        """Whether it may be sent a second time: idempotent, and still at hand."""
        return self.body is not None and self.method in _SAFE_TO_REPEAT


def untrusted_upstream(why: str) -> Fault:
    """What a request is refused for whose origin could not prove who it is, on every road: a refusal, no mishap."""
    return Fault(BlockReason.AUTHORITY_MISMATCH, why, 502, "tls_upstream", _UNSPEAKABLE)


class ResponseSink(Shape):
    """Who wants the response. Exactly one of `response_end` and `response_failed` is called, and nothing after it."""

    def response_head(self, head: ResponseHead) -> None:
        """The final response's head; 101 where the request asked for it."""

    def response_data(self, data: bytes) -> None:
        """A piece of its body."""

    def response_end(self, trailers: Headers = ()) -> None:
        """It is complete. `trailers` are passed where there are any; nobody has judged them."""

    def response_failed(self, why: str, status: int = 502, *, untrusted: bool = False) -> None:
        """There will be none, or no more.

        Args:
            why: For the client; one line.
            status: 502, 503 (no room for another connection) or 504 (too late).
            untrusted: The origin could not prove who it is.
        """

    def request_hold(self) -> None:
        """The origin takes no more of a streamed body for now. What is written nevertheless is kept."""

    def request_more(self) -> None:
        """It does again."""
