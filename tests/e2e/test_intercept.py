"""Opened tunnels, end to end: whom we believe, what we leave closed, what must agree, and how they end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509

from tests.e2e.conftest import BASE_CONFIG, DaemonProcess, Trust, intercepting, wait_for
from tests.e2e.origins import Answer, RecordingOrigin, Seen
from tests.tls.peers import DAY, Wish, authority, rsa_key, server_side, signed

pytestmark = pytest.mark.e2e

KEY = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
LOCAL = Wish("localhost", names=("localhost",))
SECONDS = 20
BIG = random.Random(0).randbytes(3_000_000)
CLOSED = "closed.example"
SMALL = ", max_response_bytes: 300000"
"""So that a download soon flows."""
CONFIG = BASE_CONFIG.replace(
    "forward_proxy: {enabled: true}", "forward_proxy: {enabled: true, idle_timeout_seconds: 30}"
)


class Tunnel:
    """A client's connection through an opened tunnel, asked request by request."""

    def __init__(
        self, daemon: DaemonProcess, port: int, host: str = "localhost", sni: str = "", ca: Path | None = None
    ):
        raw = socket.create_connection(("127.0.0.1", daemon.port), timeout=SECONDS)
        raw.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = raw.recv(4096)
        assert head.startswith(b"HTTP/1.1 200 "), head
        self.authority = f"{host}:{port}"
        context = ssl.create_default_context(cafile=str(ca or daemon.home / "ca.pem"))
        try:
            self.tls = context.wrap_socket(raw, server_hostname=sni or host)
        except OSError:
            raw.close()
            raise
        self.file = self.tls.makefile("rb")

    def ask(self, path: str = "/x", *, host: str = "", accept: str = "*/*", method: str = "GET") -> tuple[int, bytes]:
        head = f"{method} {path} HTTP/1.1\r\nHost: {host or self.authority}\r\nAccept: {accept}\r\n\r\n"
        self.tls.sendall(head.encode())
        return self.read(has_body=method != "HEAD")

    def read(self, *, has_body: bool = True) -> tuple[int, bytes]:
        """The status and the body of an answer that states its length."""
        status = int(self.file.readline().split()[1])
        length = 0
        while line := self.file.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return status, self.file.read(length if has_body else 0)

    def shown(self) -> x509.Certificate:
        """The certificate that the client was shown."""
        der = self.tls.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.tls.close()


@pytest.fixture(scope="module")
def daemon(trust: Trust, tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[DaemonProcess]:
    config = intercepting(trust, CONFIG, f", passthrough_domains: [{CLOSED}]{SMALL}").replace(
        "host_overrides: {", f"host_overrides: {{{CLOSED}: ['127.0.0.1'], "
    )
    process = DaemonProcess(tmp_path_factory.mktemp("intercept") / "home", config, compiled=compiled).start()
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def shared_origin(trust: Trust) -> Iterator[RecordingOrigin]:
    server = RecordingOrigin(trust.tls)
    yield server
    server.close()


@pytest.fixture
def origin(shared_origin: RecordingOrigin) -> RecordingOrigin:
    shared_origin.forget()
    shared_origin.answers.clear()
    return shared_origin


@pytest.fixture
def told(daemon: DaemonProcess) -> Callable[..., list[dict[str, Any]]]:
    """The records that refuse something, since the test began; there must be `count`."""
    before = len(daemon.lines())

    def look() -> list[dict[str, Any]]:
        return [line for line in daemon.lines()[before:] if line.get("verdict") == "block"]

    def tell(count: int = 1) -> list[dict[str, Any]]:
        wait_for(lambda: len(look()) >= count, what=f"{count} refusals")
        assert len(look()) == count, look()
        return look()

    return tell


# -- servers that can't be believed -------------------------------------------------------------------------------------

STRANGER = authority("Stranger")
BAD: dict[str, tuple[Wish, Any, str]] = {
    "expired": (LOCAL.but(begins=-3 * DAY, ends=-DAY), "root", "expired on"),
    "of tomorrow": (LOCAL.but(begins=DAY, ends=3 * DAY), "root", "not valid before"),
    "another host's": (LOCAL.but(names=("other.example",)), "root", "other.example"),
    "self-signed": (LOCAL, None, "self-signed"),
    "a stranger's": (LOCAL, STRANGER, "not trusted here"),
    "weak": (LOCAL.but(key=rsa_key(1024)), "root", "weak key"),
}


@pytest.fixture
def impostor(tmp_path: Path, trust: Trust) -> Iterator[Callable[..., RecordingOrigin]]:
    made: list[RecordingOrigin] = []

    def make(context: ssl.SSLContext) -> RecordingOrigin:
        made.append(RecordingOrigin(context))
        return made[-1]

    yield make
    for one in made:
        one.close()


def must_be_refused(daemon: DaemonProcess, port: int, words: str) -> None:
    with Tunnel(daemon, port) as tunnel:
        status, body = tunnel.ask(f"/?k={KEY[:3]}", accept="application/json")
        assert status == 502
        said = json.loads(body)
        assert words in said["reason"]
        assert said["block_reason"] == "authority_mismatch"
        status, body = tunnel.ask(accept="text/html,*/*;q=0.5")
        assert (status, words in body.decode(), body.startswith(b"<!doctype html>")) == (502, True, True)


@pytest.mark.parametrize("name", BAD)
def test_a_server_that_can_not_be_believed_gets_nothing(name, daemon, impostor, trust: Trust, tmp_path, told) -> None:
    wish, signer, words = BAD[name]
    bad = impostor(server_side(tmp_path, signed(wish, trust.root if signer == "root" else signer)))
    must_be_refused(daemon, bad.port, words)
    assert [record["kind"] for record in told(2)] == ["request"] * 2  # one for each request
    assert bad.seen == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_neither_does_one_of_yesterday(daemon, impostor, trust: Trust, tmp_path, told) -> None:
    old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    bad = impostor(server_side(tmp_path, signed(LOCAL, trust.root), **old))
    must_be_refused(daemon, bad.port, "no TLS newer than 1.1")
    told(2)
    assert bad.seen == []


# -- tunnels that stay closed -------------------------------------------------------------------------------------------


def test_passthrough_leaves_every_byte_alone(daemon, impostor, trust: Trust, tmp_path, told) -> None:
    own = signed(Wish(CLOSED, names=(CLOSED,)), trust.root)
    origin = impostor(server_side(tmp_path, own))
    with Tunnel(daemon, origin.port, CLOSED, ca=trust.authority) as tunnel:
        assert tunnel.shown() == own.certificate
        assert tunnel.ask(f"/?key={KEY}")[0] == 200
    assert [one.path for one in origin.seen] == [f"/?key={KEY}"]
    told(0)


def test_everything_else_is_shown_our_certificate(daemon: DaemonProcess, origin: RecordingOrigin) -> None:
    with Tunnel(daemon, origin.port) as tunnel:
        ours = x509.load_pem_x509_certificate((daemon.home / "ca.pem").read_bytes())
        assert tunnel.shown().issuer == ours.subject
        assert tunnel.shown().not_valid_after_utc - tunnel.shown().not_valid_before_utc < timedelta(days=8)


# -- what must agree ----------------------------------------------------------------------------------------------------


def test_the_handshake_names_the_host_of_the_tunnel(daemon: DaemonProcess, origin: RecordingOrigin, told) -> None:
    with pytest.raises(OSError):  # the connection ends without a word: nothing can be said before a handshake
        Tunnel(daemon, origin.port, sni="front.example")
    (record,) = told()
    assert record["event"] == "sni_mismatch"
    assert origin.seen == []


@pytest.mark.parametrize("host", ["front.example", "localhost.front.example", "127.0.0.1"])
def test_the_request_names_the_host_of_the_tunnel(host, daemon: DaemonProcess, origin, told) -> None:
    with Tunnel(daemon, origin.port) as tunnel:
        status, body = tunnel.ask(host=host)
    assert (status, json.loads(body)["block_reason"]) == (403, "authority_mismatch")
    told()
    assert origin.seen == []


def test_what_is_no_tls_in_a_tunnel_is_read_or_refused(daemon: DaemonProcess, told) -> None:
    plain = RecordingOrigin()
    try:
        for first, answered in (
            (f"GET /?key={KEY} HTTP/1.1\r\nHost: localhost:{plain.port}\r\n\r\n", True),
            ("SSH-2.0-x\r\n", False),
        ):
            with socket.create_connection(("127.0.0.1", daemon.port), timeout=SECONDS) as raw:
                raw.sendall(f"CONNECT localhost:{plain.port} HTTP/1.1\r\nHost: localhost:{plain.port}\r\n\r\n".encode())
                assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
                raw.sendall(first.encode())
                with contextlib.suppress(ConnectionResetError):
                    assert raw.recv(4096).startswith(b"HTTP/1.1 403 ") is answered
        assert [record["block_reason"] for record in told(2)] == ["dlp_match", "not_enabled"]
        assert plain.seen == []
    finally:
        plain.close()


# -- how they go on and end ---------------------------------------------------------------------------------------------


def test_one_tunnel_carries_many_requests(daemon: DaemonProcess, origin: RecordingOrigin, told) -> None:
    """Refusals in between do not end it."""
    origin.answers["/big"] = Answer(BIG)
    with Tunnel(daemon, origin.port) as tunnel:
        for number in range(100):
            assert tunnel.ask(f"/{number}") == (200, b"hello from the origin\n")
            if number % 50 == 0:
                assert tunnel.ask(f"/?key={KEY}")[0] == 403
                assert tunnel.ask("/big") == (200, BIG)
                assert tunnel.ask("/", method="HEAD")[0] == 200
    assert len(origin.seen) == 104
    told(2)


def test_requests_may_come_before_their_answers(daemon: DaemonProcess, origin: RecordingOrigin, told) -> None:
    with Tunnel(daemon, origin.port) as tunnel:
        paths = ("/1", "/2", f"/?key={KEY}", "/3")
        heads = [f"GET {path} HTTP/1.1\r\nHost: {tunnel.authority}\r\n\r\n" for path in paths]
        tunnel.tls.sendall("".join(heads).encode())
        assert [tunnel.read()[0] for _ in paths] == [200, 200, 403, 200]
    assert [one.path for one in origin.seen] == ["/1", "/2", "/3"]
    told()


class Faucet:
    """An answer that goes on when the test lets it."""

    def __init__(self, size: int, count: int) -> None:
        self.pieces = [random.Random(number).randbytes(size) for number in range(count)]
        self._go = threading.Semaphore(0)

    def open(self, count: int) -> None:
        for _ in range(count):
            self._go.release()

    def answer(self, _: Seen) -> Answer:
        return Answer(self._drip(), "application/octet-stream")

    def _drip(self) -> Iterator[bytes]:
        for piece in self.pieces:
            self._go.acquire(timeout=SECONDS)
            yield piece

    @property
    def whole(self) -> bytes:
        return b"".join(self.pieces)


def chunked(tunnel: Tunnel, until: int = -1) -> bytes:
    """More of a chunked body: to its end, or until there are `until` bytes."""
    data = bytearray()
    while size := int(tunnel.file.readline(), 16):
        data += tunnel.file.read(size)
        tunnel.file.readline()
        if 0 <= until <= len(data):
            return bytes(data)
    tunnel.file.readline()
    return bytes(data)


def begin(tunnel: Tunnel, path: str) -> None:
    tunnel.tls.sendall(f"GET {path} HTTP/1.1\r\nHost: {tunnel.authority}\r\n\r\n".encode())
    while tunnel.file.readline().strip():
        pass


def test_a_reload_leaves_a_download_alone(daemon: DaemonProcess, origin: RecordingOrigin) -> None:
    faucet = Faucet(100_000, 14)
    origin.answers["/slow"] = faucet.answer
    text = daemon.config_path.read_text()
    with Tunnel(daemon, origin.port) as tunnel:
        faucet.open(8)
        begin(tunnel, "/slow")
        data = chunked(tunnel, 100_000)
        with daemon.client() as operator:
            before = operator.status().policy
            daemon.config_path.write_text(text + "egress_rules: [{name: no, action: block, path: /forbidden}]\n")
            daemon.signal(signal.SIGHUP)
            wait_for(lambda: operator.status().policy != before, what="the reload")
        faucet.open(6)
        data += chunked(tunnel)
        assert hashlib.sha256(data).digest() == hashlib.sha256(faucet.whole).digest()
        assert tunnel.ask("/forbidden")[0] == 403  # the same connection, the new policy
        assert tunnel.ask("/allowed")[0] == 200


def test_stopping_waits_for_a_download_and_for_an_upload(
    trust: Trust, origin: RecordingOrigin, make_daemon: Callable[..., DaemonProcess]
) -> None:
    daemon = make_daemon(intercepting(trust, more=SMALL))
    faucet = Faucet(100_000, 14)
    origin.answers["/slow"] = faucet.answer
    with Tunnel(daemon, origin.port) as down, Tunnel(daemon, origin.port) as up, Tunnel(daemon, origin.port) as idle:
        assert idle.ask()[0] == 200
        faucet.open(8)
        begin(down, "/slow")
        data = chunked(down, 100_000)
        head = f"POST /up HTTP/1.1\r\nHost: {up.authority}\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
        up.tls.sendall(head.encode())
        assert up.read()[0] == 100  # it is under way
        up.tls.sendall(b"hello")
        daemon.signal(signal.SIGTERM)
        assert idle.file.read(1) == b""  # nothing is under way there
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", daemon.port), timeout=1).close()
        faucet.open(6)
        data += chunked(down)
        assert data == faucet.whole
        up.tls.sendall(b"world")
        assert up.read()[0] == 200
    assert bytes(origin.seen[-1].body) == b"helloworld"
    assert daemon.process is not None
    assert daemon.process.wait(SECONDS) == 0
