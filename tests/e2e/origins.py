"""Origins on loopback that can do more than answer: they speak TLS, take bodies piece by piece, and say what arrived."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CHUNK = 65_536


class IncompleteError(OSError):
    """The client left before its request was complete."""


def body_of(handler: BaseHTTPRequestHandler) -> Iterator[bytes]:
    """A request's body as it comes, the framing taken off. Raises `IncompleteError`."""
    if handler.headers.get("transfer-encoding", "").lower() == "chunked":
        while size := int(handler.rfile.readline().strip() or b"-", 16):
            yield _exactly(handler, size)
            handler.rfile.readline()
        while handler.rfile.readline().strip():
            pass
        return
    left = int(handler.headers.get("content-length") or 0)
    while left:
        piece = _exactly(handler, min(left, CHUNK))
        left -= len(piece)
        yield piece


def _exactly(handler: BaseHTTPRequestHandler, size: int) -> bytes:
    piece = handler.rfile.read(size)
    if len(piece) < size:
        raise IncompleteError
    return piece


class Loopback:
    """A threading server, by TLS where it is given a context. The handshake is left to the thread of the connection."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None) -> None:
        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_: Any) -> None:
                """Refused handshakes and clients that leave are what is tested."""

        self.server = Server(("127.0.0.1", 0), handler)
        self.port = self.server.server_address[1]
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://localhost:{self.port}" if tls is not None else f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join(5)


@dataclass
class Seen:
    """A request that arrived, or as much of it as did."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False


@dataclass(frozen=True)
class Answer:
    """What is answered. Pieces are sent chunked, as they come."""

    body: bytes | Iterable[bytes] = b"hello from the origin\n"
    kind: str = "text/plain"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class RecordingOrigin(Loopback):
    """Remembers what reached it. `answers` maps a path to what is answered, or to what finds that out."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self._past: list[Seen] = []
        self.answers: dict[str, Answer | Callable[[Seen], Answer]] = {}
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self) -> None:
                names = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(self.command, self.path, names)
                origin.seen.append(seen)
                try:
                    for piece in body_of(self):
                        seen.body += piece
                except (OSError, ValueError):
                    self.close_connection = True
                    return
                seen.complete = True
                answer = origin.answers.get(self.path.partition("?")[0], Answer())
                with contextlib.suppress(OSError):
                    _send(self, answer(seen) if callable(answer) else answer)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = serve

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(Handler, tls)

    def forget(self) -> None:
        """Begin anew with an empty `seen`."""
        self._past += self.seen
        self.seen = []

    def arrived(self) -> bytes:
        """All that ever arrived, in one: lines, heads and bodies."""
        every = (*self._past, *self.seen)
        return b"".join(f"{one.method} {one.path} {one.headers}\n".encode() + bytes(one.body) for one in every)


def _send(handler: BaseHTTPRequestHandler, answer: Answer) -> None:
    body = answer.body
    status, more = answer.status, []
    if isinstance(body, bytes) and status == 200 and (asked := handler.headers.get("range", "")).startswith("bytes="):
        first, _, last = asked.removeprefix("bytes=").partition("-")
        end = min(int(last or len(body)), len(body) - 1)
        more = [("Content-Range", f"bytes {first}-{end}/{len(body)}")]
        status, body = 206, body[int(first) : end + 1]
    handler.send_response(status)
    for name, value in (("Content-Type", answer.kind), *answer.headers, *more):
        handler.send_header(name, value)
    if isinstance(body, bytes):
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
        return
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for piece in body:
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")


class GitOrigin(Loopback):
    """`git http-backend` behind HTTP (git-http-backend(1)): the smart protocol, pushes allowed."""

    def __init__(self, root: Path, tls: ssl.SSLContext | None = None) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def serve(self) -> None:
                try:
                    _run_backend(self, root)
                except (OSError, ValueError):
                    self.close_connection = True

            do_GET = do_POST = serve

            def log_message(self, *_: Any) -> None:
                pass

        super().__init__(Handler, tls)


def _run_backend(handler: BaseHTTPRequestHandler, root: Path) -> None:
    """One CGI call; its answer flows chunked."""
    path, _, query = handler.path.partition("?")
    body = b"".join(body_of(handler))
    environ = {
        **os.environ,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": handler.command,
        "CONTENT_TYPE": handler.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": handler.headers.get("content-encoding", ""),
        "HTTP_GIT_PROTOCOL": handler.headers.get("git-protocol", ""),
        "REMOTE_USER": "dev",
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environ, capture_output=True, check=False)
    head, _, answer = done.stdout.partition(b"\r\n\r\n")
    lines = [line.decode().split(": ", 1) for line in head.split(b"\r\n") if line]
    handler.send_response(next((int(value.split()[0]) for name, value in lines if name.lower() == "status"), 200))
    for name, value in lines:
        if name.lower() != "status":
            handler.send_header(name, value)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for at in range(0, len(answer), CHUNK):
        piece = answer[at : at + CHUNK]
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")
