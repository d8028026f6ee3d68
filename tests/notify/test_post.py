"""One POST against a server on loopback that says exactly what the test wants."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelock.notify import post as post_module
from pipelock.notify.post import PostError, post
from tests.tls.peers import Wish, authority, server_side, signed


class Server:
    """Takes one connection after the other, reads a whole message and writes `answer`; with `tls`, encrypted."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer: bytes | None = b"HTTP/1.1 204 No Content\r\n\r\n"
        self.seen: list[bytes] = []
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._release = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with plain:
                plain.settimeout(30)
                try:
                    self._talk(self._tls.wrap_socket(plain, server_side=True) if self._tls else plain)
                except OSError:
                    continue

    def _talk(self, link: socket.socket) -> None:
        with link:
            data = b""
            while b"\r\n\r\n" not in data or not data.endswith(b"}"):
                more = link.recv(65_536)
                if not more:
                    return
                data += more
            self.seen.append(data)
            if self.answer is None:
                self._release.wait(30)
            else:
                link.sendall(self.answer)

    def close(self) -> None:
        self._release.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_the_message_arrives_whole(server: Server) -> None:
    assert post(f"http://127.0.0.1:{server.port}/hook?x=1", b'{"a":1}', {"X-Signed": "s"}, 5.0) == 204
    head, _, body = server.seen[0].partition(b"\r\n\r\n")
    assert body == b'{"a":1}'
    assert head.split(b"\r\n") == [
        b"POST /hook?x=1 HTTP/1.1", f"Host: 127.0.0.1:{server.port}".encode(), b"Content-Type: application/json",
        b"Content-Length: 7", b"X-Signed: s", b"Connection: close",
    ]  # fmt: skip


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.answer = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{server.port}/other\r\n\r\n".encode()
    assert post(f"http://127.0.0.1:{server.port}/", b"{}", {}, 5.0) == 302
    assert len(server.seen) == 1


def test_no_proxy_of_the_environment_is_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(f"http://127.0.0.1:{server.port}/", b"{}", {}, 5.0) == 204


@pytest.mark.parametrize(
    "answer",
    [b"", b"nonsense\r\n", b"HTTP/1.1\r\n", b"HTTP/1.1 abc\r\n", b"HTTP/2 200\r\n", b"x" * 10_000],
    ids=range(6),
)
def test_what_is_no_answer(server: Server, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises(PostError):
        post(f"http://127.0.0.1:{server.port}/", b"{}", {}, 5.0)


def test_a_server_that_says_nothing_is_left(server: Server) -> None:
    server.answer = None
    with pytest.raises(PostError, match="no answer within"):
        post(f"http://127.0.0.1:{server.port}/", b"{}", {}, 0.05)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(PostError, match=r"127\.0\.0\.1: Connection refused"):
        post(f"http://127.0.0.1:{port}/", b"{}", {}, 5.0)


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = authority()
    server = Server(server_side(tmp_path, signed(Wish("localhost", ("localhost",)), root)))
    url = f"https://localhost:{server.port}/"
    try:
        with pytest.raises(PostError, match="localhost: TLS: CERTIFICATE_VERIFY_FAILED"):
            post(url, b"{}", {}, 5.0)
        trusted = tmp_path / "roots.pem"
        trusted.write_bytes(root.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert post(url, b"{}", {}, 5.0) == 204
        with pytest.raises(PostError, match=r"127\.0\.0\.1: TLS: CERTIFICATE_VERIFY_FAILED"):
            post(f"https://127.0.0.1:{server.port}/", b"{}", {}, 5.0)
    finally:
        server.close()


def named(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """From now on every name has these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]
    monkeypatch.setattr(post_module.socket, "getaddrinfo", lambda *_args, **_more: found)


def test_the_next_address_is_tried_where_one_takes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    named(monkeypatch, port, server.port)
    assert post("http://hook.example/", b"{}", {}, 5.0) == 204
    named(monkeypatch)
    with pytest.raises(PostError, match=r"hook\.example: the name has no address"):
        post("http://hook.example/", b"{}", {}, 5.0)


def test_all_addresses_together_have_the_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Silent:
        def settimeout(self, seconds: float) -> None:
            waits.append(seconds)

        def connect(self, _address: object) -> None:
            raise TimeoutError

        def close(self) -> None:
            pass

    named(monkeypatch, 1, 2, 3)
    monkeypatch.setattr(post_module.socket, "socket", lambda *_args: Silent())
    monkeypatch.setattr(post_module, "time", SimpleNamespace(monotonic=lambda: sum(waits)))
    with pytest.raises(PostError, match=r"hook\.example: no answer within 5 s"):
        post("http://hook.example/", b"{}", {}, 5.0)
    assert waits == [5.0]
