"""Interception against real clients and real TLS servers: who is trusted, who trusts us, and what each is told."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import BASE_CONFIG, PIPELOCK, DaemonProcess, wait_for
from tests.tls.peers import DAY, Signer, Wish, authority, rsa_key, server_side, signed

pytestmark = pytest.mark.e2e

CURL = shutil.which("curl") or ""
ROOT = authority("E2E Root")
LOCAL = Wish("localhost", names=("localhost",))


class Origin:
    """An HTTPS server on loopback that shows what it is told to."""

    def __init__(self, folder: Path, shown: Signer, **options: object) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/plain")
                self.send_header("content-length", "5")
                self.end_headers()
                self.wfile.write(b"hello")

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A refused handshake is what is tested."""

        folder.mkdir()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.socket = server_side(folder, shown, **options).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"https://localhost:{self._server.server_port}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[Callable[..., Origin]]:
    made: list[Origin] = []

    def make(shown: Signer, **options: object) -> Origin:
        made.append(Origin(tmp_path / f"origin-{len(made)}", shown, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def intercepting(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[DaemonProcess]:
    """One daemon for all tests: starting one takes seconds."""
    folder = tmp_path_factory.mktemp("intercepting")
    (folder / "roots.pem").write_bytes(ROOT.pem)
    config = (
        BASE_CONFIG
        + "dns: {host_overrides: {localhost: [127.0.0.1]}}\n"
        + f"tls_interception: {{enabled: true, upstream_ca: [{folder}/roots.pem]}}\n"
    )
    daemon = DaemonProcess(folder / "home", config, compiled=compiled)
    daemon.start()
    yield daemon
    daemon.stop()


def curl(daemon: DaemonProcess, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [
        CURL,
        "-sS",
        "-m",
        "10",
        "-x",
        daemon.url,
        "--cacert",
        str(daemon.home / "ca.pem"),
        "-D",
        "-",
        *words,
        url,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def audit(daemon: DaemonProcess) -> list[dict[str, Any]]:
    log = daemon.home / "audit/audit.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def test_a_request_inside_tls_is_read_and_answered(origin, intercepting):
    done = curl(intercepting, origin(signed(LOCAL, ROOT)).url)
    assert (done.returncode, done.stdout[-5:]) == (0, "hello"), done
    assert (intercepting.home / "ca-key.pem").stat().st_mode & 0o777 == 0o600


BAD = [
    ("expired", LOCAL.but(begins=-3 * DAY, ends=-DAY), ROOT, "expired on"),
    ("another host's", LOCAL.but(names=("other.example",)), ROOT, "not for that name but for other.example"),
    ("self-signed", LOCAL, None, "self-signed"),
    ("by a stranger", LOCAL, authority("Stranger", key=rsa_key(2048)), "not trusted here"),
    ("weak", LOCAL.but(key=rsa_key(1024)), ROOT, "weak key"),
]


@pytest.mark.parametrize(("wish", "signer", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_server_that_can_not_be_trusted_is_a_page_that_says_why(origin, intercepting, wish, signer, words):
    done = curl(intercepting, origin(signed(wish, signer)).url)
    assert "HTTP/1.1 502" in done.stdout
    assert "localhost can't be trusted" in done.stdout
    assert words in done.stdout


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_old_server_is_a_page_that_says_why(origin, intercepting):
    old = origin(signed(LOCAL, ROOT), minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)
    assert "no TLS newer than 1.1" in curl(intercepting, old.url).stdout


def test_a_client_that_does_not_trust_us_is_told_of_with_the_fix(origin, intercepting):
    url = origin(signed(LOCAL, ROOT)).url
    command = [CURL, "-sS", "-m", "10", "-x", intercepting.url, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 60
    told = wait_for(
        lambda: [line for line in audit(intercepting) if "does not trust Pipelock" in json.dumps(line)],
        what="the record of the refusal",
    )
    assert "pipelock env" in json.dumps(told)


def test_a_new_authority_is_used_after_a_reload(origin, intercepting, tmp_path):
    url = origin(signed(LOCAL, ROOT)).url
    assert curl(intercepting, url).returncode == 0
    old = tmp_path / "old.pem"
    shutil.copy(intercepting.home / "ca.pem", old)
    for command in ("tls rotate", "reload"):
        subprocess.run(
            [PIPELOCK, *command.split()], env=intercepting.environ, check=True, capture_output=True, timeout=30
        )
    wait_for(lambda: curl(intercepting, url).returncode == 0, what="an answer under the new authority")
    assert curl(intercepting, url, "--cacert", str(old)).returncode == 60


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_node_says_nothing_and_is_understood(origin, intercepting):
    """Node hangs up without an alert. Its connect goes through by hand: its fetch has no proxy of its own before 24."""
    port = origin(signed(LOCAL, ROOT)).url.rpartition(":")[2].rstrip("/")
    script = f"""
        const http = require('http'), tls = require('tls');
        const path = 'localhost:{port}';
        http.request({{host: '127.0.0.1', port: {intercepting.port}, method: 'CONNECT', path, headers: {{host: path}}}})
            .on('connect', (_, socket) => tls.connect({{socket, servername: 'localhost'}}).on('error', () => process.exit(7)))
            .end();
    """
    assert (
        subprocess.run(["node", "-e", script], timeout=60, check=False, env={"PATH": "/usr/bin:/bin"}).returncode == 7
    )
    wait_for(
        lambda: [line for line in audit(intercepting) if "as soon as it saw" in json.dumps(line)],
        what="the record of the refusal",
    )


def test_pythons_strict_check_accepts_us(origin, intercepting):
    """VERIFY_X509_STRICT, the default of Python 3.13."""
    url = origin(signed(LOCAL, ROOT)).url
    script = f"""
import ssl, urllib.request
context = ssl.create_default_context(cafile={str(intercepting.home / "ca.pem")!r})
context.verify_flags |= ssl.VERIFY_X509_STRICT
proxies = urllib.request.ProxyHandler({{"https": {intercepting.url!r}}})
opener = urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=context))
print(opener.open({url!r}).read().decode())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "hello\n", done.stderr
