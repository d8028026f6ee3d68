"""A server that answers one connection with fixed bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

__all__ = ["OneAnswer"]


class OneAnswer:
    """Listens on loopback.

    Attributes:
        address: host:port.
        asked: What it was sent until the end of a request's head.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(30)
        self._threads: list[threading.Thread] = []
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.asked = b""

    def answer(self, data: bytes, then: Callable[[socket.socket], object] = lambda _link: None) -> None:
        """Wait for a client's request and send `data`; `then` gets the connection, which is closed after it."""

        def serve() -> None:
            link, _ = self._listener.accept()
            with link:
                while b"\r\n\r\n" not in self.asked and (piece := link.recv(4096)):
                    self.asked += piece
                link.sendall(data)
                then(link)

        self._threads.append(threading.Thread(target=serve, daemon=True))
        self._threads[-1].start()

    def close(self) -> None:
        """Wait until all was answered."""
        for thread in self._threads:
            thread.join(30)
        self._listener.close()
