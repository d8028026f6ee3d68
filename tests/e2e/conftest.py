"""The real daemon in a process of its own, a real origin on loopback, and what tests ask of them."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipelock.control.client import Client
from tests.tls.peers import Signer, Wish, authority, files, signed

PATIENCE = 30.0
"""Seconds that anything may take on a machine that does much else besides."""
PIPELOCK = str(Path(sys.executable).with_name("pipelock"))

BASE_CONFIG = """\
mode: balanced
fetch_proxy:
  monitoring: {max_requests_per_minute: 0}
forward_proxy: {enabled: true}
ssrf: {ip_allowlist: ["127.0.0.0/8", "::1/128"]}
request_body_scanning: {action: block}
response_scanning: {enabled: true, action: block}
logging: {output: file, file: audit/audit.jsonl}
"""


def wait_for(check: Callable[[], Any], seconds: float = PATIENCE, what: str = "condition") -> Any:
    """Poll until `check` gives something true; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come about within {seconds} s")
        time.sleep(0.02)


_PORTS = 1500
"""For each worker of a test run: of two that took the same one at the same time, one daemon would not start."""
_FIRST = 20_000 + _PORTS * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8)
_numbers = itertools.count(random.randrange(_PORTS))


def free_port() -> int:
    """A port nobody listens on now, nor was given lately. From outside the range that connecting clients get theirs from."""
    for number in itertools.islice(_numbers, 100):
        port = _FIRST + number % _PORTS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port")


def copy_compiled(source: Path, target: Path) -> None:
    """Copy the compiled rules that `target` lacks; other workers may do the same at the same time."""
    target.mkdir(mode=0o700, exist_ok=True)
    for file in source.glob("[!.]*"):
        if not (target / file.name).exists():
            draft = target / f".{os.getpid()}-{file.name}"
            shutil.copy(file, draft)  # with its mode, 0600
            draft.rename(target / file.name)


class DaemonProcess:
    """One `pipelock run`, its home and what it wrote.

    Rules that another daemon of this test run compiled are taken over from `compiled`: compiling takes seconds, and
    the files are named by what they hold. Nothing else is shared.
    """

    def __init__(
        self, home: Path, config: str, environ: dict[str, str] | None = None, compiled: Path | None = None
    ) -> None:
        self.home = home
        self.compiled = compiled
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config_path = home / "pipelock.yaml"
        self.config_path.write_text(config)
        self.environ = {**os.environ, "PIPELOCK_HOME": str(home), "NO_COLOR": "1", **(environ or {})}
        self.socket = home / "run" / "control.sock"
        self.log = home / "stderr.log"
        self.stdout = home / "stdout.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self, *extra: str, listen: str = "") -> DaemonProcess:
        listen = listen or f"127.0.0.1:{free_port()}"
        if self.compiled is not None:
            copy_compiled(self.compiled, self.home / "cache")
        with self.log.open("ab") as log, self.stdout.open("ab") as out:
            offset = log.tell()
            command = [PIPELOCK, "run", "-c", str(self.config_path), "-l", listen, *extra]
            self.process = subprocess.Popen(command, env=self.environ, stdin=subprocess.DEVNULL, stdout=out, stderr=log)

        def ready() -> str | None:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the daemon ended: {self.log.read_text()[offset:]}")
            for line in self.log.read_text()[offset:].splitlines():
                if "listening on " in line and self.socket.exists():
                    return line.partition("listening on ")[2].split()[0]
            return None

        self.port = int(wait_for(ready, 60, "the daemon's start").rpartition(":")[2])
        if self.compiled is not None:
            copy_compiled(self.home / "cache", self.compiled)
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def client(self, role: str = "command") -> Client:
        return Client(self.socket, role=role, timeout=PATIENCE)

    def cli(self, *words: str, check: bool = False, timeout: float = 2 * PATIENCE) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PIPELOCK, *words], env=self.environ, capture_output=True, text=True, check=check, timeout=timeout
        )

    def lines(self) -> list[dict[str, Any]]:
        path = self.home / "audit" / "audit.jsonl"
        # What follows the last line feed is being written.
        return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []

    def output(self) -> str:
        return self.stdout.read_text()

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def rss_mib(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise AssertionError("no VmRSS")

    def kill_hard(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(PATIENCE)
        return self.process.returncode


class Origin:
    """A threaded HTTP server that remembers what reached it. `routes` maps a path to (status, headers, body)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.routes: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.kept: set[socket.socket] = set()
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are two writes

            def serve(self) -> None:
                origin.kept.discard(self.connection)
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else b""
                origin.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                status, headers, answer = origin.routes.get(
                    self.path.partition("?")[0], (200, {"Content-Type": "text/plain"}, b"hello from the origin\n")
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    with contextlib.suppress(OSError):
                        self.wfile.write(answer)
                origin.kept.add(self.connection)

            def finish(self) -> None:
                origin.kept.discard(self.connection)
                super().finish()

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = serve

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def hang_up(self) -> None:
        """End the connections that were answered whole and are kept for a next request, and no others."""
        for conn in tuple(self.kept):
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def origin() -> Iterator[Origin]:
    server = Origin()
    yield server
    server.close()


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of compiled rules that all daemons of a test run, those of other xdist workers included, share."""
    base = tmp_path_factory.getbasetemp()
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled-rules"
    directory.mkdir(mode=0o700, exist_ok=True)
    return directory


@pytest.fixture
def make_daemon(tmp_path: Path, compiled: Path) -> Iterator[Callable[..., DaemonProcess]]:
    """Start daemons; they end with the test."""
    started: list[DaemonProcess] = []

    def make(config: str = BASE_CONFIG, name: str = "home", environ: dict[str, str] | None = None) -> DaemonProcess:
        daemon = DaemonProcess(tmp_path / name, config, environ, compiled)
        started.append(daemon)
        return daemon.start()

    yield make
    for daemon in started:
        daemon.stop()


@pytest.fixture(scope="module")
def shared_daemon(tmp_path_factory: pytest.TempPathFactory, compiled: Path) -> Iterator[DaemonProcess]:
    """One daemon with the base config for all tests of a module that do not change it."""
    daemon = DaemonProcess(tmp_path_factory.mktemp("shared") / "home", BASE_CONFIG, compiled=compiled)
    daemon.start()
    yield daemon
    daemon.stop()


def curl(
    daemon: DaemonProcess, url: str, *words: str, timeout: float = 2 * PATIENCE
) -> subprocess.CompletedProcess[str]:
    """curl through the daemon: status on the last line of stdout."""
    return subprocess.run(
        ["curl", "-sS", "--noproxy", "", "-x", daemon.url, "-w", "\n%{http_code}", *words, url],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def status_of(done: subprocess.CompletedProcess[str]) -> int:
    return int(done.stdout.rsplit("\n", 1)[-1])


def exchange(port: int, data: bytes, *, finish: bool = False, seconds: float = PATIENCE) -> bytes:
    """Send raw bytes and read until the peer closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as sock:
        sock.sendall(data)
        if finish:
            sock.shutdown(socket.SHUT_WR)
        pieces = []
        with contextlib.suppress(OSError):
            while piece := sock.recv(65536):
                pieces.append(piece)
        return b"".join(pieces)


# -- inside TLS ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trust:
    """The authority that signed for the origins on loopback, and what they show."""

    authority: Path
    root: Signer
    tls: ssl.SSLContext


@pytest.fixture(scope="session")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """One for the whole run; the daemon trusts it as `tls_interception.upstream_ca`."""
    folder = tmp_path_factory.mktemp("trust")
    root = authority("Loopback Root")
    shown = signed(Wish("localhost", names=("localhost", "127.0.0.1")), root)
    certificate, key = files(folder, shown, root)
    (folder / "root.pem").write_bytes(root.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return Trust(folder / "root.pem", root, context)


def intercepting(trust: Trust, config: str = BASE_CONFIG, more: str = "") -> str:
    """`config` with interception; `more` goes into its section. `localhost` may be reached."""
    return (
        f"{config}tls_interception: {{enabled: true, upstream_ca: ['{trust.authority}']{more}}}\n"
        "dns: {host_overrides: {localhost: ['127.0.0.1']}}\n"
    )


def agent_environ(daemon: DaemonProcess) -> dict[str, str]:
    """What an agent's environment is after `pipelock env`."""
    told: dict[str, str] = json.loads(daemon.cli("env", "--shell", "json", check=True).stdout)
    inherited = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**inherited, **told}
