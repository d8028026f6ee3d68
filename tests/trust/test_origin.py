from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from pipelock.trust.origin import Origin

ZONES = ("one.test", "two.test")


def ask(origin: Origin, host: str, path: str, trusted: Path | None) -> bytes:
    context = ssl.create_default_context(cafile=str(trusted) if trusted else None)
    sock = socket.create_connection(("127.0.0.1", origin.port), timeout=30)
    with sock, context.wrap_socket(sock, server_hostname=host) as side:
        side.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        return b"".join(iter(lambda: side.recv(4096), b""))


@pytest.mark.parametrize("host", ["curl.one.test", "ruby.two.test"])
def test_whoever_trusts_its_authority_is_answered(tmp_path: Path, host: str) -> None:
    with Origin(tmp_path, ZONES) as origin:
        assert ask(origin, host, "/probe", origin.authority).startswith(b"HTTP/1.1 200 ")
        assert ask(origin, host, "/simple/x/", origin.authority).startswith(b"HTTP/1.1 404 ")
        assert origin.hosts == {host}


def test_whoever_does_not_is_seen_all_the_same(tmp_path: Path) -> None:
    with Origin(tmp_path, ZONES) as origin:
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(origin, "curl.one.test", "/probe", None)
        assert origin.hosts == {"curl.one.test"}
        # It answers for its own names alone.
        with pytest.raises(ssl.SSLCertVerificationError, match="ostname"):
            ask(origin, "curl.three.test", "/probe", origin.authority)


def test_a_client_that_says_nothing_hinders_nobody(tmp_path: Path) -> None:
    with Origin(tmp_path, ZONES) as origin, socket.create_connection(("127.0.0.1", origin.port)):
        assert ask(origin, "a.one.test", "/probe", origin.authority).endswith(b"ok\n")


def test_its_keys_are_nobody_else_s(tmp_path: Path) -> None:
    with Origin(tmp_path, ZONES):
        pass
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"origin-ca.pem": 0o644, "one.test.pem": 0o600, "two.test.pem": 0o600}
    assert b"PRIVATE" not in (tmp_path / "origin-ca.pem").read_bytes()
