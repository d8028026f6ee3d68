"""What one peer may hold, and for how long. Seconds and bytes."""

from __future__ import annotations

__all__ = [
    "BODY_IDLE_SECONDS",
    "BUSY_BUFFER",
    "CHUNK",
    "CONNECT_SECONDS",
    "HANDSHAKE_SECONDS",
    "HEAD_SECONDS",
    "HELLO_SECONDS",
    "IDLE_SECONDS",
    "LINGER_BYTES",
    "LINGER_SECONDS",
    "MAX_ADDRESSES",
    "MAX_BUFFERED",
    "MAX_CONNECTIONS",
    "MAX_IDLE_PER_ORIGIN",
    "MAX_IDLE_UPSTREAMS",
    "MAX_PER_ORIGIN",
    "MAX_RACING",
    "MAX_REDIRECTS",
    "MAX_TUNNELS",
    "MAX_UPSTREAMS",
    "MAX_WAITING",
    "RACE_SECONDS",
    "REQUEST_SECONDS",
    "REUSE_UNSAFE_SECONDS",
    "STAGGER_SECONDS",
    "UPSTREAM_CLOSE_SECONDS",
    "UPSTREAM_IDLE_SECONDS",
    "WAIT_SECONDS",
    "WRITE_SECONDS",
    "Budget",
]

HEAD_SECONDS = 15.0
"""From a connection's first byte of a request to the end of its head."""
BODY_IDLE_SECONDS = 20.0
"""Between two pieces of a body."""
REQUEST_SECONDS = 300.0
"""For a whole request to arrive, however steadily it drips."""
IDLE_SECONDS = 60.0
"""A connection on which no request is under way."""
WRITE_SECONDS = 60.0
"""Without a single byte taken by a client that is being written to."""
CONNECT_SECONDS = 10.0
"""For a TCP (and TLS) connection to one address."""
STAGGER_SECONDS = 0.25
"""Between the beginnings of two attempts to connect, while the first is undecided (RFC 8305 §5)."""
RACE_SECONDS = 20.0
"""For all addresses of a name together."""
MAX_RACING = 4
"""Addresses of one name that are dialled at the same time."""
MAX_ADDRESSES = 16
"""Addresses of one name that are dialled at all."""
HELLO_SECONDS = 5.0
"""For the rest of a ClientHello after its first byte."""
HANDSHAKE_SECONDS = 10.0
"""For a TLS handshake with a client."""
LINGER_SECONDS = 2.0
LINGER_BYTES = 256 * 1024
"""What is read and dropped after an early refusal, so that the client reads it instead of a reset."""
BUSY_BUFFER = 64 * 1024
"""Pipelined bytes kept while a request is under way; beyond it the client is not read."""
CHUNK = 64 * 1024
MAX_CONNECTIONS = 16_000
"""Client connections; beyond it the longest idle one makes room."""
MAX_TUNNELS = 2048
MAX_UPSTREAMS = 2048
MAX_PER_ORIGIN = 256
"""Connections to one origin (scheme, name, port), busy and idle; beyond it a request waits."""
MAX_WAITING = 1024
"""Requests that wait for a connection; beyond it they are refused."""
WAIT_SECONDS = 10.0
"""For a connection to become free."""
MAX_IDLE_UPSTREAMS = 256
MAX_IDLE_PER_ORIGIN = 64
UPSTREAM_IDLE_SECONDS = 30.0
UPSTREAM_CLOSE_SECONDS = 2.0
"""For an origin to play its part in closing a connection."""
REUSE_UNSAFE_SECONDS = 2.0
"""A request that may not be repeated is sent on a kept connection only if that was used this recently."""
MAX_BUFFERED = 256 * 1024 * 1024
"""Bodies in memory, all connections together."""
MAX_REDIRECTS = 5


class Budget:
    """Bytes of bodies in memory, all connections together."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int = MAX_BUFFERED) -> None:
        self.limit = limit
        self.used = 0

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; false, and nothing reserved, where that would exceed the limit."""
        if self.used + size > self.limit:
            return False
        self.used += size
        return True

    def give(self, size: int) -> None:
        """Return what `take` reserved."""
        self.used -= size
