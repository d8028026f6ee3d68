from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from pipelock.cli import healthcheck
from tests.cli.answering import OneAnswer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def server() -> Iterator[OneAnswer]:
    found = OneAnswer()
    yield found
    found.close()


def test_healthy(server: OneAnswer, run: Run) -> None:
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
def test_anything_else_is_not(server: OneAnswer, run: Run, data: bytes, shown: str) -> None:
    server.answer(data)
    code, out, err = run("healthcheck", "--addr", server.address)
    assert (code, out) == (1, "")
    assert err.startswith("pipelock: not healthy")
    assert shown in err


def test_an_endless_line_is_not_read_to_its_end(server: OneAnswer, run: Run) -> None:
    server.answer(b"x" * 4096)
    assert run("healthcheck", "--addr", server.address)[0] == 1


def test_a_silent_server_is_given_up(server: OneAnswer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(healthcheck, "TIMEOUT", 0.05)
    done = threading.Event()
    server.answer(b"", lambda _link: done.wait(30))
    code, _, err = run("healthcheck", "--addr", server.address)
    done.set()
    assert code == 1
    assert "no answer in time" in err


def test_nobody_there(server: OneAnswer, run: Run) -> None:
    server.close()
    code, _, err = run("healthcheck", "--addr", server.address)
    assert code == 1
    assert "refused" in err


def test_a_wrong_address_is_a_usage_error(run: Run) -> None:
    assert run("healthcheck", "--addr", "nonsense")[0] == 2
