"""The clients that developers' agents really use: git, pip, node, and curl inside a tunnel."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import http.client
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.e2e.conftest import BASE_CONFIG, DaemonProcess, Origin, curl, status_of, wait_for
from tests.e2e.origins import GitOrigin

pytestmark = pytest.mark.e2e

GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def without_proxies(**extra: str) -> dict[str, str]:
    kept = {
        k: v for k, v in os.environ.items() if k.lower() not in {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}
    }
    return {**kept, **extra}


# -- git ----------------------------------------------------------------------------------------------------------------


def git(cwd: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environ = without_proxies(
        GIT_AUTHOR_NAME="d", GIT_AUTHOR_EMAIL="d@d", GIT_COMMITTER_NAME="d", GIT_COMMITTER_EMAIL="d@d",
        GIT_CONFIG_GLOBAL="/dev/null", GIT_TERMINAL_PROMPT="0",
    )  # fmt: skip
    return subprocess.run(
        ["git", *words], cwd=cwd, env=environ, capture_output=True, text=True, check=check, timeout=60
    )


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "repos"
    root.mkdir()
    git(root, "init", "-q", "--bare", "-b", "main", "project.git")
    git(root / "project.git", "config", "http.receivepack", "true")
    server = GitOrigin(root)
    yield f"{server.url}/project.git"
    server.close()


def test_git_clones_pushes_and_fetches_through_the_daemon(
    shared_daemon: DaemonProcess, git_server: str, tmp_path: Path
) -> None:
    through = ("-c", f"http.proxy={shared_daemon.url}")
    first, second = tmp_path / "first", tmp_path / "second"
    git(tmp_path, *through, "clone", "-q", git_server, "first")
    git(first, "checkout", "-q", "-b", "main")
    for number in range(60):  # enough history that git compresses what it negotiates
        (first / f"file{number}.txt").write_text(f"line {number}\n" * 40)
        git(first, "add", "-A")
        git(first, "commit", "-q", "-m", f"commit {number}")
    git(first, *through, "push", "-q", "origin", "main")
    git(tmp_path, *through, "clone", "-q", "-b", "main", git_server, "second")
    assert (second / "file59.txt").read_text() == "line 59\n" * 40
    (first / "more.txt").write_text("more\n")
    git(first, "add", "-A")
    git(first, "commit", "-q", "-m", "more")
    git(first, *through, "push", "-q", "origin", "main")
    git(second, *through, "pull", "-q")
    assert (second / "more.txt").exists()
    events = [line for line in shared_daemon.lines() if "/project.git" in line.get("url", "")]
    assert {line["verdict"] for line in events} == {"allow"}


def test_git_is_told_why_it_was_refused(make_daemon, git_server: str, tmp_path: Path) -> None:
    daemon = make_daemon(BASE_CONFIG + 'egress_rules: [{name: no-pushes, action: block, path: "*/git-receive-pack"}]\n')
    through = ("-c", f"http.proxy={daemon.url}")
    git(tmp_path, *through, "clone", "-q", git_server, "work")
    git(tmp_path / "work", "commit", "-q", "--allow-empty", "-m", "x")
    refused = git(tmp_path / "work", *through, "push", "origin", "HEAD:main", check=False)
    assert refused.returncode != 0
    assert "403" in refused.stderr
    assert any(line.get("rule") == "no-pushes" for line in daemon.lines())


# -- pip ----------------------------------------------------------------------------------------------------------------


def make_wheel(folder: Path) -> Path:
    """A wheel as PEP 427 wants it, with one module."""
    files = {
        "tinypkg.py": b"ANSWER = 42\n",
        "tinypkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: tinypkg\nVersion: 1.0\n",
        "tinypkg-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in files.items()
    )
    files["tinypkg-1.0.dist-info/RECORD"] = (record + "tinypkg-1.0.dist-info/RECORD,,\n").encode()
    path = folder / "tinypkg-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_pip_installs_from_an_index_through_the_daemon(
    shared_daemon: DaemonProcess, origin: Origin, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    origin.routes["/simple/tinypkg/"] = (
        200,
        {"Content-Type": "text/html"},
        f'<!DOCTYPE html><a href="/files/{wheel.name}#sha256={digest}">{wheel.name}</a>'.encode(),
    )
    origin.routes[f"/files/{wheel.name}"] = (200, {"Content-Type": "application/octet-stream"}, wheel.read_bytes())
    target = tmp_path / "site"
    subprocess.run(
        [
            sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check",
            "--root-user-action", "ignore", "--target", str(target), "--proxy", shared_daemon.url,
            "--index-url", f"{origin.url}/simple/", "tinypkg==1.0",
        ],
        env=without_proxies(),
        check=True,
        timeout=60,
    )  # fmt: skip
    assert (target / "tinypkg.py").read_bytes() == b"ANSWER = 42\n"


# -- node ---------------------------------------------------------------------------------------------------------------

NODE_REQUEST = """
const http = require('http');
const [proxy, url, body] = process.argv.slice(1);
const p = new URL(proxy), agent = new http.Agent({keepAlive: true, maxSockets: 1});
const once = () => new Promise((resolve, reject) => {
  const request = http.request(
    {host: p.hostname, port: p.port, path: url, method: body ? 'POST' : 'GET', agent,
     headers: {Host: new URL(url).host, ...(body ? {'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked'} : {})}},
    (answer) => { let text = ''; answer.on('data', (d) => text += d);
                  answer.on('end', () => resolve([answer.statusCode, answer.headers['x-pipelock-block-reason'] || '', text])); });
  request.on('error', reject);
  request.end(body);
});
(async () => { for (let i = 0; i < 3; i++) console.log(JSON.stringify(await once())); agent.destroy(); })();
"""


def run_node(*words: str) -> list[str]:
    done = subprocess.run(
        ["node", "-e", NODE_REQUEST, *words],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env=without_proxies(),
    )
    return done.stdout.splitlines()


def test_node_keeps_its_connection_alive_over_allowed_and_refused_requests(
    shared_daemon: DaemonProcess, origin: Origin
) -> None:
    assert run_node(shared_daemon.url, f"{origin.url}/n", '{"ok": 1}') == ['[200,"","hello from the origin\\n"]'] * 3
    refused = run_node(shared_daemon.url, f"{origin.url}/n", f'{{"token": "{GITHUB}"}}')
    assert all(line.startswith('[403,"dlp_match"') for line in refused)
    assert len(origin.seen) == 3


# -- tunnels ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_path, key_path


class TlsOrigin(Origin):
    def __init__(self, cert: Path, key: Path) -> None:
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)


@pytest.fixture
def tls_origin(tls_files: tuple[Path, Path]) -> Iterator[TlsOrigin]:
    server = TlsOrigin(*tls_files)
    yield server
    server.close()


@pytest.fixture(scope="module")
def local_daemon(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[DaemonProcess]:
    """Tunnels are opened to the name that the certificate has."""
    config = BASE_CONFIG + "trusted_domains: [localhost.example]\ndns: {host_overrides: {localhost: [127.0.0.1]}}\n"
    daemon = DaemonProcess(tmp_path_factory.mktemp("tunnel") / "home", config, compiled=compiled)
    daemon.start()
    yield daemon
    daemon.stop()


def test_curl_talks_https_through_a_tunnel(
    local_daemon: DaemonProcess, tls_origin: TlsOrigin, tls_files: tuple[Path, Path]
) -> None:
    done = curl(local_daemon, f"https://localhost:{tls_origin.port}/in", "--cacert", str(tls_files[0]))
    assert status_of(done) == 200, done.stderr
    wait_for(
        lambda: [line["event"] for line in local_daemon.lines()][-3:] == ["tunnel_open", "sni", "tunnel_close"],
        what="the tunnel's three lines",
    )


def test_a_tunnel_whose_handshake_names_another_host_is_cut(local_daemon: DaemonProcess, tls_origin: TlsOrigin) -> None:
    with socket.create_connection(("127.0.0.1", local_daemon.port), timeout=30) as raw:
        raw.sendall(
            f"CONNECT localhost:{tls_origin.port} HTTP/1.1\r\nHost: localhost:{tls_origin.port}\r\n\r\n".encode()
        )
        assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(raw, server_hostname="front.example")
    assert tls_origin.seen == []
    wait_for(lambda: any(line["event"] == "sni_mismatch" for line in local_daemon.lines()), what="the line")


def test_connect_to_a_private_address_is_refused(make_daemon) -> None:
    daemon = make_daemon(BASE_CONFIG.replace('ssrf: {ip_allowlist: ["127.0.0.0/8", "::1/128"]}\n', ""))
    done = curl(daemon, "https://127.0.0.1:1/", "-i")
    assert done.returncode != 0
    assert "403" in done.stdout + done.stderr


def test_the_kill_switch_cuts_open_tunnels(make_daemon, tls_origin: TlsOrigin) -> None:
    daemon = make_daemon()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        tunnels = []
        for _ in range(20):
            raw = socket.create_connection(("127.0.0.1", daemon.port), timeout=30)
            port = listener.getsockname()[1]
            raw.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert raw.recv(4096).startswith(b"HTTP/1.1 200 ")
            far, _ = listener.accept()
            far.sendall(b"hello")
            assert raw.recv(5) == b"hello"
            tunnels.append((raw, far))
        began = time.monotonic()
        (daemon.home / "KILL").touch()
        for raw, far in tunnels:
            for side in (raw, far):
                side.settimeout(30)
                with contextlib.suppress(ConnectionResetError):
                    assert side.recv(1) == b""
        took = time.monotonic() - began
        for pair in tunnels:
            for side in pair:
                side.close()
    # 20 ms to notice the file; the rest is this machine sharing two cores with other tests.
    assert took < 5.0, took
    wait_for(lambda: [line["event"] for line in daemon.lines()].count("kill_switch_deny") >= 20, what="the record")
    assert [line["event"] for line in daemon.lines()].count("kill_switch_deny") == 20


def test_a_tunnel_carries_bytes_both_ways_and_half_closes(make_daemon) -> None:
    daemon = make_daemon()
    payload = os.urandom(3_000_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def echo() -> None:
            far, _ = listener.accept()
            with far:
                received = bytearray()
                while piece := far.recv(65536):
                    received += piece
                far.sendall(bytes(received))  # only after the other side's FIN came through

        thread = threading.Thread(target=echo, daemon=True)
        thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
        connection.set_tunnel("127.0.0.1", port)
        connection.connect()
        raw = connection.sock
        raw.sendall(b"\x00" + payload)
        raw.shutdown(socket.SHUT_WR)
        received = bytearray()
        while piece := raw.recv(65536):
            received += piece
        thread.join(30)
        connection.close()
    assert bytes(received) == b"\x00" + payload
