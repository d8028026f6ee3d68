"""A small HTTP load generator: one thread, epoll (or kqueue), raw sockets, keep-alive.

It measures the time from the first byte of a request to the last byte of its response, on N connections that each
have one request under way. It ends by itself: after `count` responses or `seconds`, whichever comes first. The
standard library only, so that it costs the measured proxy as little of the machine as Python can.
"""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass, field

__all__ = ["Load", "drain", "drive"]

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


class _Connection:
    """One client connection with at most one request under way."""

    __slots__ = ("began", "buffer", "chunked", "in_body", "keep", "left", "link", "status")

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.reset()

    def reset(self) -> None:
        """Forget the last exchange."""
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


def drive(address: tuple[str, int], request: bytes, *, connections: int, count: int, seconds: float) -> Load:
    """Send `request` over and over and take the time.

    Args:
        address: Where to connect: the proxy, or the origin itself.
        request: A complete request without `Connection: close`.
        connections: How many requests are under way at a time.
        count: Responses after which to stop.
        seconds: Time after which to stop.

    Raises:
        OSError: nobody listens there.
    """
    selector = selectors.DefaultSelector()
    load = Load(0.0, [], 0)
    started = time.perf_counter()
    for _ in range(connections):
        _open(selector, address, request)
    last = time.perf_counter()
    while len(load.latencies) < count and (now := time.perf_counter()) - started < seconds and now - last < _STALL:
        for key, _ in selector.select(0.5):
            connection: _Connection = key.data
            try:
                data = connection.link.recv(_READ)
                done = connection.feed(data) if data else _broken()
            except (OSError, ValueError):
                load.errors += 1
                _replace(selector, connection, address, request)
                continue
            if not done:
                continue
            last = time.perf_counter()
            load.latencies.append(last - connection.began)
            load.statuses[connection.status] = load.statuses.get(connection.status, 0) + 1
            if connection.keep:
                _send(connection, request)
            else:
                _replace(selector, connection, address, request)
    load.seconds = last - started
    for key in list(selector.get_map().values()):
        key.data.link.close()
    selector.close()
    load.latencies.sort()
    return load


def drain(address: tuple[str, int], opening: bytes, request: bytes, seconds: float) -> tuple[int, float]:
    """Open a tunnel with `opening` (empty for none), send `request`, read the response to its end or for `seconds`.

    Returns bytes received after the tunnel opened, and the seconds that took.
    """
    buffer = bytearray(1 << 20)
    with socket.create_connection(address, timeout=seconds) as link:
        if opening:
            link.sendall(opening)
            head = b""
            while b"\r\n\r\n" not in head:
                head += link.recv(4096)
                if not head or len(head) > _MAX_HEAD:
                    raise ConnectionError("the tunnel was not opened")
            if b" 200" not in head.split(b"\r\n", 1)[0]:
                raise ConnectionError(head.split(b"\r\n", 1)[0].decode("latin-1"))
        began = time.perf_counter()
        link.sendall(request)
        total = 0
        while (got := link.recv_into(buffer)) and time.perf_counter() - began < seconds:
            total += got
        return total, time.perf_counter() - began


def _open(selector: selectors.BaseSelector, address: tuple[str, int], request: bytes) -> None:
    link = socket.create_connection(address, timeout=10)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection = _Connection(link)
    selector.register(link, selectors.EVENT_READ, connection)
    _send(connection, request)


def _send(connection: _Connection, request: bytes) -> None:
    connection.reset()
    connection.began = time.perf_counter()
    # Requests are far smaller than a socket's buffer, so this does not wait.
    connection.link.sendall(request)


def _replace(
    selector: selectors.BaseSelector, connection: _Connection, address: tuple[str, int], request: bytes
) -> None:
    selector.unregister(connection.link)
    connection.link.close()
    _open(selector, address, request)


def _broken() -> bool:
    raise ConnectionError("closed in the middle of a response")
