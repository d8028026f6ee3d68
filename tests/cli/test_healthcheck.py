from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from pipelock.cli import healthcheck

Run = Callable[..., tuple[int, str, str]]


class Server:
    """Answers one connection on loopback with fixed bytes, and keeps what it was asked."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.asked = b""
        self.threads: list[threading.Thread] = []

    def answer(self, data: bytes, *, hang: threading.Event | None = None) -> None:
        def serve() -> None:
            link, _ = self.listener.accept()
            with link:
                while b"\r\n\r\n" not in self.asked:
                    self.asked += link.recv(4096)
                link.sendall(data)
                if hang is not None:
                    hang.wait(30)

        self.threads.append(threading.Thread(target=serve))
        self.threads[-1].start()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    for thread in found.threads:
        thread.join(30)
    found.listener.close()


def test_healthy(server: Server, run: Run) -> None:
    server.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert run("healthcheck", "--addr", server.address) == (0, "healthy\n", "")
    assert server.asked.startswith(b"GET /health HTTP/1.1\r\n")
    assert f"\r\nHost: {server.address}\r\n".encode() in server.asked


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "503 Service Unavailable"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "2000 OK"),
        (b"SSH-2.0-OpenSSH 200\r\n", "SSH-2.0"),
        (b"\x1b[2J 200\r\n", "\\x1b[2J 200"),
        (b"", "nothing"),
    ],
)
def test_anything_else_is_not(server: Server, run: Run, data: bytes, shown: str) -> None:
    server.answer(data)
    code, out, err = run("healthcheck", "--addr", server.address)
    assert (code, out) == (1, "")
    assert err.startswith("pipelock: not healthy")
    assert shown in err


def test_an_endless_line_is_not_read_to_its_end(server: Server, run: Run) -> None:
    server.answer(b"x" * 4096)
    assert run("healthcheck", "--addr", server.address)[0] == 1


def test_a_silent_server_is_given_up(server: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "TIMEOUT", 0.05)
    done = threading.Event()
    server.answer(b"", hang=done)
    code, _, err = run("healthcheck", "--addr", server.address)
    done.set()
    assert code == 1
    assert "no answer in time" in err


def test_nobody_there(server: Server, run: Run) -> None:
    server.listener.close()
    code, _, err = run("healthcheck", "--addr", server.address)
    assert code == 1
    assert "refused" in err


def test_a_wrong_address_is_a_usage_error(run: Run) -> None:
    assert run("healthcheck", "--addr", "nonsense")[0] == 2
