"""What the readers report, and the limits they keep."""

from __future__ import annotations

import msgspec

__all__ = [
    "BodyData",
    "Headers",
    "Limits",
    "MessageComplete",
    "RequestEvent",
    "RequestHead",
    "ResponseEvent",
    "ResponseHead",
]

Headers = tuple[tuple[str, str], ...]


class Limits(msgspec.Struct, frozen=True, gc=False):
    """How much of a peer's bytes one reader may hold, whatever the peer does. Bytes unless said otherwise.

    The size of a body is policy and therefore the caller's: readers hand body bytes on as they come.

    Attributes:
        head: Start line and fields together, with their line ends.
        target: The request target.
        fields: How many header fields.
        chunk_line: One chunk-size line with its extensions.
        trailers: All trailer fields together; also the longest single one.
        pipelined: Bytes that wait behind an unfinished exchange. One read of the transport (64 KiB) must fit twice.
        interim: How many 1xx responses may precede the final one.
    """

    head: int = 65_536
    target: int = 16_384
    fields: int = 100
    chunk_line: int = 256
    trailers: int = 8_192
    pipelined: int = 131_072
    interim: int = 8


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """A request whose start line and fields were found sound.

    Attributes:
        method: One of the methods this proxy knows, upper case.
        target: The request target as received; its form fits the method and its authority equals `host`.
        version: `1.1` or `1.0`.
        headers: In wire order; names lower-cased, values without surrounding white space, one character per byte.
        host: The Host field's value; empty only for HTTP/1.0 without one.
        content_length: The announced length, `None` where there is none.
        chunked: Whether the body comes in chunks; never together with `content_length`.
        keep_alive: Whether the client wants to send another request on this connection.
        expect_continue: Whether the client waits for `100 Continue` before it sends the body.
    """

    method: str
    target: str
    version: str
    headers: Headers
    host: str
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expect_continue: bool

    @property
    def has_body(self) -> bool:
        """Whether body bytes follow."""
        return self.chunked or bool(self.content_length)


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    """A final response whose status line and fields were found sound.

    Attributes:
        status: 200..599, or 101 where the request asked to switch protocols.
        reason: The reason phrase, possibly empty.
        version: `1.1` or `1.0`.
        headers: As in `RequestHead`.
        content_length: The announced length, even where no body follows (HEAD, 304).
        chunked: Whether Transfer-Encoding says so.
        close_delimited: Whether the end of the connection is the end of the body.
        keep_alive: Whether the server means to keep the connection.
    """

    status: int
    reason: str
    version: str
    headers: Headers
    content_length: int | None
    chunked: bool
    close_delimited: bool
    keep_alive: bool


class BodyData(msgspec.Struct, frozen=True, gc=False):
    """A piece of the body, never empty, chunk framing removed."""

    data: bytes


class MessageComplete(msgspec.Struct, frozen=True, gc=False):
    """The message ended where its framing says it does.

    Attributes:
        trailers: The fields behind a chunked body (RFC 9112 §7.1.2), as in `RequestHead.headers`. They have been
            checked like a head's, and nobody has judged them: they are forwarded only by who has them judged.
    """

    trailers: Headers = ()


RequestEvent = RequestHead | BodyData | MessageComplete
ResponseEvent = ResponseHead | BodyData | MessageComplete
