from __future__ import annotations

import socket

import pytest

from pipelock.cli._check_origin import GOOD, INJECTION, Origin, accept_key


def talk(port: int, *pieces: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as link:
        for piece in pieces:
            link.sendall(piece)
        link.shutdown(socket.SHUT_WR)
        received = b""
        while data := link.recv(4096):
            received += data
    return received


def test_what_arrives_is_remembered() -> None:
    with Origin() as origin:
        assert talk(origin.port, b"GET /good?abc HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\n" + GOOD)
        assert origin.saw(b"abc")
        assert not origin.saw(b"xyz")
        page = talk(origin.port, b"POST /injection HTTP/1.1\r\nContent-Length: 5\r\n\r\n", b"se", b"cret")
        assert page.endswith(INJECTION)
        assert origin.saw(b"\r\n\r\nsecre")
        assert talk(origin.port, b"\x16\x03\x01 no HTTP") != b""
        assert origin.saw(b"\x16\x03\x01 no HTTP")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.sendto(b"a question", ("127.0.0.1", origin.udp_port))
        assert origin.saw(b"a question")


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"", b"\r\n\r\n"])
def test_nonsense_ends_nothing(head: bytes) -> None:
    with Origin() as origin:
        talk(origin.port, head)
        assert talk(origin.port, b"GET / HTTP/1.1\r\n\r\n").endswith(GOOD)


def test_a_websocket_s_messages_are_kept_unmasked() -> None:
    key = b"dGhlIHNhbXBsZSBub25jZQ=="
    assert accept_key(key) == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3
    message = bytes([0x81, 0x83, 1, 2, 3, 4, ord("a") ^ 1, ord("b") ^ 2, ord("c") ^ 3])
    close = bytes([0x88, 0x80, 0, 0, 0, 0])
    with Origin() as origin:
        said = talk(origin.port, b"GET / HTTP/1.1\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n", message, close)
        assert said.startswith(b"HTTP/1.1 101 ")
        assert said.endswith(b"\r\n\r\n\x88\x00")
        assert origin.saw(b"abc")
