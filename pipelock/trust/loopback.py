"""A TCP server on loopback, for servers that check-ups and tests of trust play."""

from __future__ import annotations

import socket
from collections.abc import Callable
from socketserver import BaseRequestHandler, ThreadingTCPServer

__all__ = ["LoopbackServer"]


class LoopbackServer(ThreadingTCPServer):
    """Hands each connection to `serve`, on a thread of its own; a client that breaks off is no error.

    It listens on a free port of 127.0.0.1 from the beginning; `serve_forever` and `shutdown` are those of socketserver.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        super().__init__(("127.0.0.1", 0), BaseRequestHandler)
        self._serve_one = serve

    def finish_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """One client."""
        if isinstance(request, socket.socket):
            self._serve_one(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that breaks off is what a check-up looks for, or none of its concern."""
