"""A small load generator for HTTP and WebSockets: one thread, epoll (or kqueue), raw sockets, keep-alive.

It measures the time from the first byte of a request to the last byte of its response, on N connections that each
have one request under way. It ends by itself: after `count` responses or `seconds`, whichever comes first. The
standard library only, so that it costs the measured proxy as little of the machine as Python can.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["FRAMES", "Dial", "Load", "direct", "drain", "drive", "frame", "in_tunnel", "tunnel", "upgraded"]

Dial = Callable[[], socket.socket]
"""Opens one connection, ready for requests."""

_READ = 262_144
_MAX_HEAD = 65_536
_STALL = 10.0
"""Seconds without any response after which a run is given up."""


@dataclass(slots=True)
class Load:
    """What a run gave. Latencies are seconds, sorted."""

    seconds: float
    latencies: list[float]
    errors: int
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Responses a second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The latency that `share` (0..1) of the responses stayed within, in milliseconds."""
        if not self.latencies:
            return float("nan")
        return self.latencies[min(int(len(self.latencies) * share), len(self.latencies) - 1)] * 1000


class _Http:
    """The response under way on one connection."""

    __slots__ = ("buffer", "chunked", "in_body", "keep", "left", "status")

    def __init__(self) -> None:
        self.buffer = b""
        self.in_body = False
        self.chunked = False
        self.left = 0
        self.status = 0
        self.keep = True

    def feed(self, data: bytes) -> bool:
        """Take bytes of the response; true once it is complete."""
        if not self.in_body:
            self.buffer += data
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > _MAX_HEAD:
                    raise ConnectionError("a response head without end")
                return False
            self._head(self.buffer[:end])
            data, self.buffer = self.buffer[end + 4 :], b""
        if self.chunked:
            self.buffer = (self.buffer + data)[-5:]
            return self.buffer == b"0\r\n\r\n"
        self.left -= len(data)
        return self.left <= 0

    def _head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        self.status = int(first.split(b" ", 2)[1])
        self.in_body = True
        for line in lines:
            name, _, value = line.partition(b":")
            match name.strip().lower(), value.strip().lower():
                case b"content-length", size:
                    self.left = int(size)
                case b"transfer-encoding", b"chunked":
                    self.chunked = True
                case b"connection", b"close":
                    self.keep = False


class _Frame:
    """The one WebSocket frame that is awaited on a connection; its status is its opcode."""

    __slots__ = ("buffer", "keep", "status")

    def __init__(self) -> None:
        self.buffer = b""
        self.status = 0
        self.keep = True

    def feed(self, data: bytes) -> bool:
        """Take bytes; true once the frame is complete."""
        self.buffer += data
        if len(self.buffer) < 4:
            return False
        self.status = self.buffer[0] & 15
        if self.status == 8:
            raise ConnectionError(f"closed: {self.buffer[4:]!r}")
        size = self.buffer[1] & 127
        if size == 126:
            return len(self.buffer) >= 4 + int.from_bytes(self.buffer[2:4], "big")
        return len(self.buffer) >= 2 + size


class _Connection:
    """One client connection with at most one request under way."""

    __slots__ = ("began", "link", "reply")

    def __init__(self, link: socket.socket, reply: type[_Http | _Frame]) -> None:
        self.link = link
        self.reply = reply()

    def send(self, request: bytes) -> None:
        """Begin the next exchange."""
        self.reply = type(self.reply)()
        self.began = time.perf_counter()
        # Requests are far smaller than a socket's buffer, so this does not wait.
        self.link.sendall(request)


def drive(
    dial: Dial,
    request: bytes,
    *,
    connections: int,
    count: int,
    seconds: float,
    reply: type[_Http | _Frame] = _Http,
) -> Load:
    """Send `request` over and over and take the time.

    Args:
        dial: How to connect; not part of what is measured, except where the other side closes after a response.
        request: A complete request without `Connection: close`, or a `frame`.
        connections: How many requests are under way at a time.
        count: Responses after which to stop.
        seconds: Time after which to stop.
        reply: What comes back.

    Raises:
        OSError: nobody listens there.
    """
    selector = selectors.DefaultSelector()
    load = Load(0.0, [], 0)
    opened = [_open(selector, dial, reply) for _ in range(connections)]
    last = started = time.perf_counter()
    for connection in opened:
        connection.send(request)
    while len(load.latencies) < count and (now := time.perf_counter()) - started < seconds and now - last < _STALL:
        for key, _ in selector.select(0.5):
            connection = key.data
            try:
                data = connection.link.recv(_READ)
                done = connection.reply.feed(data) if data else _broken()
            except ssl.SSLWantReadError:
                continue
            except (OSError, ValueError):
                load.errors += 1
                _replace(selector, connection, dial, request)
                continue
            if not done:
                continue
            last = time.perf_counter()
            load.latencies.append(last - connection.began)
            load.statuses[connection.reply.status] = load.statuses.get(connection.reply.status, 0) + 1
            if connection.reply.keep:
                connection.send(request)
            else:
                _replace(selector, connection, dial, request)
    load.seconds = last - started
    for key in list(selector.get_map().values()):
        key.data.link.close()
    selector.close()
    load.latencies.sort()
    return load


def drain(dial: Dial, request: bytes, size: int, seconds: float) -> tuple[int, float]:
    """Connect, send `request`, read until `size` bytes or the end have come, or for `seconds`.

    Returns bytes received, and the seconds that took.
    """
    buffer = bytearray(1 << 20)
    with dial() as link:
        link.settimeout(seconds)
        began = time.perf_counter()
        link.sendall(request)
        total = 0
        while total < size and (got := link.recv_into(buffer)) and time.perf_counter() - began < seconds:
            total += got
        return total, time.perf_counter() - began


def direct(address: tuple[str, int], context: ssl.SSLContext | None = None) -> Dial:
    """Connections to `address`, inside TLS if there is a context."""

    def dial() -> socket.socket:
        link = _connect(address)
        return _secured(link, context) if context else link

    return dial


def tunnel(proxy: tuple[str, int], origin: tuple[str, int]) -> Dial:
    """Tunnels through `proxy` to `origin`."""
    host = f"{origin[0]}:{origin[1]}"
    opening = f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    def dial() -> socket.socket:
        link = _connect(proxy)
        _ask(link, opening, b" 200")
        return link

    return dial


def in_tunnel(proxy: tuple[str, int], origin: tuple[str, int], context: ssl.SSLContext) -> Dial:
    """TLS connections inside tunnels; `context` trusts the proxy alone, so a tunnel that is not intercepted fails."""
    opened = tunnel(proxy, origin)
    return lambda: _secured(opened(), context)


def upgraded(dial: Dial, origin: tuple[str, int]) -> Dial:
    """WebSockets on what `dial` opens; no extensions are offered."""
    opening = (
        f"GET /echo HTTP/1.1\r\nHost: {origin[0]}:{origin[1]}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()

    def opened() -> socket.socket:
        link = dial()
        link.settimeout(_STALL)
        _ask(link, opening, b" 101")
        if isinstance(link, ssl.SSLSocket):
            link.settimeout(0)
        return link

    return opened


def frame(text: bytes) -> bytes:
    """A text message as a client sends it, at most 65 535 bytes. The mask is a constant: nobody is to be fooled."""
    mask = b"\x11\x22\x33\x44"
    size = bytes([128 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return b"\x81" + size + mask + bytes(byte ^ mask[place & 3] for place, byte in enumerate(text))


FRAMES = _Frame
"""`drive`'s `reply` for `upgraded` connections."""


def _connect(address: tuple[str, int]) -> socket.socket:
    link = socket.create_connection(address, timeout=10)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def _secured(link: socket.socket, context: ssl.SSLContext) -> socket.socket:
    return context.wrap_socket(link, server_hostname="localhost")


def _ask(link: socket.socket, opening: bytes, answer: bytes) -> None:
    """Send `opening` and read a head whose first line has `answer` in it; nothing may follow it by itself."""
    link.sendall(opening)
    head = b""
    while b"\r\n\r\n" not in head:
        head += (data := link.recv(4096))
        if not data or len(head) > _MAX_HEAD:
            raise ConnectionError("closed while opening")
    if answer not in head.split(b"\r\n", 1)[0]:
        raise ConnectionError(head.split(b"\r\n", 1)[0].decode("latin-1"))


def _open(selector: selectors.BaseSelector, dial: Dial, reply: type[_Http | _Frame]) -> _Connection:
    link = dial()
    if isinstance(link, ssl.SSLSocket):
        # A readable socket may hold a part of a record, or a session ticket, and nothing to read.
        link.settimeout(0)
    connection = _Connection(link, reply)
    selector.register(link, selectors.EVENT_READ, connection)
    return connection


def _replace(selector: selectors.BaseSelector, connection: _Connection, dial: Dial, request: bytes) -> None:
    selector.unregister(connection.link)
    connection.link.close()
    _open(selector, dial, type(connection.reply)).send(request)


def _broken() -> bool:
    raise ConnectionError("closed in the middle of a response")
