"""What a transport saw and asks about."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipelock.model._reason import BlockReason
from pipelock.model._session import Identity

__all__ = ["Action", "ActionSummary", "Direction", "Fault", "Kind", "ScanKind", "Transport"]


class Kind(StrEnum):
    """What the message is."""

    REQUEST = "request"
    RESPONSE = "response"
    CONNECT = "connect"
    CLIENT_HELLO = "client_hello"
    TUNNEL_DATA = "tunnel_data"
    SCAN = "scan"
    """Nothing is sent: somebody asks for a verdict on a URL or a text."""
    PIECE = "piece"
    """More of a body whose beginning came with the `REQUEST` or `RESPONSE`, too large to be held whole."""
    EVENT = "event"
    """One event, or line, of a stream that an upstream sends."""
    MESSAGE = "message"
    """One message of a WebSocket, its fragments joined."""

    @property
    def is_part(self) -> bool:
        """Whether it is a part of something whose beginning was judged: a plain allow of it is not recorded."""
        return self in _PARTS


_PARTS = frozenset({Kind.PIECE, Kind.EVENT, Kind.MESSAGE})


class Transport(StrEnum):
    """The road it came by."""

    FORWARD = "forward"
    CONNECT = "connect"
    FETCH = "fetch"
    INTERCEPT = "intercept"
    """Inside a CONNECT tunnel that was opened, encrypted or not."""
    WEBSOCKET = "websocket"
    REVERSE = "reverse"
    SCAN_API = "scan_api"
    COMMAND = "command"
    """A command of ours that judges without a daemon (`explain`, `scan`)."""


class ScanKind(StrEnum):
    """What an action of kind `SCAN` asks about."""

    URL = "url"
    DLP = "dlp"
    """A text that is about to leave."""
    PROMPT_INJECTION = "prompt_injection"
    """A text that is about to be read by a model."""
    TOOL_CALL = "tool_call"
    """A JSON document with `tool_name` and `arguments`."""


class Direction(StrEnum):
    """Seen from the agent."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Fault(msgspec.Struct, frozen=True):
    """A condition the transport met that must be refused whatever policy says (spec enforcement §11).

    Attributes:
        reason: The code the client is told.
        detail: One sentence that says what was wrong and what to do.
        status: The HTTP status a client is best answered with (RFC 9110), 0 for the default.
        layer: What refuses, where the reason's own name would not tell.
        instead: What is said where `detail`, which quotes the peer, holds what an answer could not; empty if it quotes
            nobody.
    """

    reason: BlockReason
    detail: str
    status: int = 0
    layer: str = ""
    instead: str = ""


class Action(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message, as a transport understood it. Everything the engine judges is here.

    Attributes:
        id: Unique for the life of the daemon; also the `request_id` of the audit line.
        url: Absolute URL as received; `https://host:port/` for CONNECT and ClientHello.
        host: Host as received (the engine folds it); for a ClientHello, the CONNECT host.
        port: 1..65535, 0 where the message has none.
        headers: Name and value pairs in wire order, names lower-cased.
        body: Decoded body as it is judged (content-encoding removed), bounded by the transport.
        status: Upstream status of a response, 0 otherwise.
        server_name: SNI of a ClientHello; empty where the client sent none.
        fault: A condition that is refused unconditionally.
        size: Body bytes on the wire; differs from `len(body)` for encoded bodies.
        scan: What a `SCAN` asks; its URL is in `url`, its text in `body` (UTF-8).
        seen: How many bytes at the start of `body` the receiver has already. They are there so that what continues
            them is understood; they were judged before and can't be taken back.
        partial: `body` is not all of the body; `PIECE` actions bring the rest.
        binary: A WebSocket message of binary data.
        told: Rules that an earlier part of the same body was let through with a warning for: they are not told again.
        opened: A tunnel (CONNECT) whose requests are read and judged one by one, and in which nothing else passes.
        identity: Whose it is and how that is known; `session` and `agent` are its own.
        named: The operator's config names this very upstream: its address need not be a public one.
        remote: What the client of a CONNECT says that it wants of a git remote (`git push git@github.com:org/repo`):
            printable ASCII, at most 300 characters. For people to see; nothing is decided by it.
    """

    id: str
    kind: Kind
    transport: Transport
    direction: Direction = Direction.OUTBOUND
    session: str = ""
    agent: str = ""
    client: str = ""
    method: str = ""
    url: str = ""
    host: str = ""
    port: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    content_type: str = ""
    status: int = 0
    server_name: str = ""
    fault: Fault | None = None
    size: int = 0
    scan: ScanKind | None = None
    seen: int = 0
    partial: bool = False
    binary: bool = False
    opened: bool = False
    named: bool = False
    told: tuple[str, ...] = ()
    remote: str = ""
    identity: Identity | None = None

    @property
    def comes_in(self) -> bool:
        """Whether it is an answer, or a part of one: what an agent will read."""
        return self.kind is Kind.RESPONSE or (self.direction is Direction.INBOUND and self.kind.is_part)


class ActionSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An action as records, events and screens show it: no body, no secret.

    `url` is reduced to `scheme://host/[redacted]` where a content scanner blocked; `path` is then its path with `*` for
    all that could be secret, or empty.
    `program` and `pid` are those of the client's own process, where it is known.
    `remote` is what the client says of a git remote, as in `Action`; empty unless it was searched and found clean.
    `preview` is the start of the body with matched secrets masked (at most 2 048 characters) and is set only for
    actions that are held for a person.
    """

    id: str
    kind: Kind
    transport: Transport
    direction: Direction = Direction.OUTBOUND
    session: str = ""
    agent: str = ""
    client: str = ""
    method: str = ""
    url: str = ""
    host: str = ""
    port: int = 0
    status: int = 0
    size: int = 0
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    preview: str = ""
    program: str = ""
    pid: int = 0
    path: str = ""
    remote: str = ""
