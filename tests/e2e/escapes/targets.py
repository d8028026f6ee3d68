"""What listens on the host: nobody inside a sandbox may ever reach it. Each that is reached answers with a proof."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from pathlib import Path
from typing import Final

__all__ = ["Targets"]

_ANSWER: Final = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n{}\n"


class Targets:
    """Listeners of all kinds, served by one thread.

    Attributes:
        seen: Names of those that somebody connected to or sent something to, in order.
        ports: Of the internet sockets, by name.
    """

    def __init__(self, proof: str) -> None:
        self.seen: list[str] = []
        self.ports: dict[str, int] = {}
        self._proof = proof
        self._sockets: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, "")
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def internet(self, name: str, address: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
        """A port that the kernel chooses, at an address."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        link = socket.socket(family, kind)
        link.bind((address, 0))
        self.ports[name] = int(link.getsockname()[1])
        self._add(name, link)

    def local(self, name: str, path: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> None:
        """A path that everybody may use, or an abstract name (with a NUL in front)."""
        link = socket.socket(socket.AF_UNIX, kind)
        link.bind(path)
        if not path.startswith("\0"):
            Path(path).chmod(0o777)
        self._add(name, link)

    def start(self) -> None:
        """Serve, from now on."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._wake.send(b"x")
        self._thread.join(5)
        for link in (*self._sockets, self._wake, self._woken):
            link.close()
        self._selector.close()

    def _add(self, name: str, link: socket.socket) -> None:
        if link.type == socket.SOCK_STREAM:
            link.listen(64)
        link.setblocking(False)
        self._sockets.append(link)
        self._selector.register(link, selectors.EVENT_READ, name)

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if not key.data:
                    return
                assert isinstance(key.fileobj, socket.socket)
                with contextlib.suppress(OSError):
                    self._answer(str(key.data), key.fileobj)

    def _answer(self, name: str, link: socket.socket) -> None:
        said = _ANSWER.format(self._proof).encode()
        if link.type == socket.SOCK_STREAM:
            peer, _ = link.accept()
            self.seen.append(name)
            with peer:
                peer.settimeout(1)
                peer.sendall(said)
                # What was sent and not read would end the connection before the answer is there.
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass
        else:
            _, address = link.recvfrom(4096)
            self.seen.append(name)
            if address:
                link.sendto(said, address)
