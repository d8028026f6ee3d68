"""Faults, one by one, against the real daemon: refused with a reason, told once, nothing hangs, nothing stays behind."""

from __future__ import annotations

import contextlib
import json
import resource
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import (
    BASE_CONFIG,
    PATIENCE,
    DaemonProcess,
    Origin,
    curl,
    exchange,
    free_port,
    status_of,
    wait_for,
)
from tests.tls.peers import Wish, authority, files, signed

pytestmark = pytest.mark.e2e

HOSTS = tuple(f"127.0.0.{number}" for number in range(1, 7))
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
LENGTH = HEAD + b"Content-Length: 1000\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
PHASES = {
    "at-once": b"",
    "status": b"HTTP/1.1 2",
    "head": HEAD,
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n",
    "after-head": LENGTH,
    "body": LENGTH + b"half of it",
    "size": CHUNKED + b"3",
    "chunk": CHUNKED + b"30\r\nhalf of it",
    "trailer": CHUNKED + b"2\r\nab\r\n0\r\nX-Sum: 1\r\n",
}
NONSENSE = {
    "ssh": b"SSH-2.0-OpenSSH_9\r\n\r\n",
    "lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "smuggled": HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
}


class Broken:
    """An origin whose path says how it goes wrong: `/<phase>/<fin or rst>`, `/silent/<phase>`, `/fine`."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context = context
        self._socket = socket.create_server(("0.0.0.0", 0), backlog=200)
        self.port = self._socket.getsockname()[1]
        self._silent: list[socket.socket] = []
        self._kept: set[socket.socket] = set()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                conn = self._context.wrap_socket(conn, server_side=True)
            while self._answers(conn):
                pass
        if conn not in self._silent:
            self._kept.discard(conn)
            conn.close()

    def hang_up(self) -> None:
        """End the connections that were answered whole and are kept for a next request, and no others."""
        for conn in tuple(self._kept):
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)

    def _answers(self, conn: socket.socket) -> bool:
        """Read a request and answer it in its way; whether the connection goes on."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = conn.recv(65536)
            if not piece:
                return False
            data += piece
        self._kept.discard(conn)
        phase, *how = data.split()[1].decode().strip("/").split("/")
        if phase == "fine":
            self._kept.add(conn)
            conn.sendall(HEAD + b"Content-Length: 4\r\n\r\nfine")
            return True
        conn.sendall(PHASES.get(phase, NONSENSE.get(phase, b"")))
        if how == ["silent"]:
            self._silent.append(conn)
        elif how == ["rst"]:
            time.sleep(0.05)  # or what was sent would be dropped with the connection
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def close(self) -> None:
        self._socket.close()
        for conn in self._silent:
            conn.close()


def descriptors(daemon: DaemonProcess) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


@contextlib.contextmanager
def nothing_stays(daemon: DaemonProcess, *origins: Broken | Origin, grown: float = 30.0) -> Iterator[None]:
    """Descriptors come back to what they were, memory nearly.

    The `origins` hang up on what the daemon keeps for later requests: it would wait 30 s before it does so itself.
    """
    before, memory = descriptors(daemon), daemon.rss_mib()
    yield
    for origin in origins:
        origin.hang_up()
    wait_for(lambda: descriptors(daemon) <= before, 40, f"{descriptors(daemon)} descriptors to become {before}")
    assert daemon.rss_mib() - memory < grown
    with daemon.client() as control:
        assert control.status().pending == 0


def lines_of(daemon: DaemonProcess) -> list[dict]:
    """The whole lines of the log: a disk that was full leaves a torn one."""
    lines = []
    for line in (daemon.home / "audit" / "audit.jsonl").read_text().splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    return lines


def failures(daemon: DaemonProcess, part: str) -> list[dict]:
    """The lines of the log that tell how requests whose URL has `part` went wrong."""
    lines = lines_of(daemon)
    asked = {line["request_id"] for line in lines if part in line.get("url", "")}
    return [line for line in lines if line.get("request_id") in asked and line["event"] in {"blocked", "error"}]


# -- an origin that dies, over HTTP and inside HTTPS -------------------------------------------------------------------


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """An authority that the daemon trusts, and a server's context that it signed for."""
    folder = tmp_path_factory.mktemp("authority")
    root = authority()
    shown = signed(Wish("127.0.0.1", HOSTS), root)
    (folder / "root.pem").write_bytes(root.pem)
    certificate, key = files(folder, shown)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return folder / "root.pem", context


@contextlib.contextmanager
def opening(home: Path, compiled: Path, root: Path, *, patience: int) -> Iterator[DaemonProcess]:
    """A daemon that opens tunnels, keeps two certificates and waits `patience` seconds for origins."""
    config = BASE_CONFIG.replace("fetch_proxy:\n", f"fetch_proxy:\n  timeout_seconds: {patience}\n").replace(
        "forward_proxy: {enabled: true}", f"forward_proxy: {{enabled: true, idle_timeout_seconds: {patience + 1}}}"
    )
    config += f"tls_interception: {{enabled: true, cert_cache_size: 2, upstream_ca: [{root}]}}\n"
    daemon = DaemonProcess(home, config, compiled=compiled)
    try:
        yield daemon.start()
    finally:
        daemon.stop()


@pytest.fixture(scope="module")
def opened(
    tmp_path_factory: pytest.TempPathFactory, compiled: Path, trusted: tuple[Path, ssl.SSLContext]
) -> Iterator[DaemonProcess]:
    """A daemon that gives up on origins within a second or two."""
    with opening(tmp_path_factory.mktemp("opened") / "home", compiled, trusted[0], patience=1) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def patient(
    tmp_path_factory: pytest.TempPathFactory, compiled: Path, trusted: tuple[Path, ssl.SSLContext]
) -> Iterator[DaemonProcess]:
    """A daemon that waits longer for origins than a busy machine makes them take."""
    with opening(tmp_path_factory.mktemp("patient") / "home", compiled, trusted[0], patience=20) as daemon:
        # What is opened with the first request and stays open is not what the tests look for.
        assert_refused(ask_plain(daemon, free_port(), "/gone"))
        assert_refused(ask_opened(daemon, free_port(), "/gone"))
        yield daemon


@pytest.fixture(scope="module")
def plain() -> Iterator[Broken]:
    server = Broken()
    yield server
    server.close()


@pytest.fixture(scope="module")
def secret(trusted: tuple[Path, ssl.SSLContext]) -> Iterator[Broken]:
    server = Broken(trusted[1])
    yield server
    server.close()


def ask_plain(daemon: DaemonProcess, port: int, path: str) -> bytes:
    request = f"GET http://127.0.0.1:{port}{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
    return exchange(daemon.port, request.encode(), seconds=PATIENCE)


def ask_opened(daemon: DaemonProcess, port: int, path: str, host: str = "127.0.0.1") -> bytes:
    """A request inside a tunnel that the daemon opens; its certificate is checked against the daemon's authority."""
    context = ssl.create_default_context(cafile=str(daemon.home / "ca.pem"))
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as sock:
        sock.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        answer = sock.recv(65536)
        if b" 200 " not in answer:
            return answer
        with context.wrap_socket(sock, server_hostname=host) as inner:
            inner.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            pieces = []
            with contextlib.suppress(OSError):
                while piece := inner.recv(65536):
                    pieces.append(piece)
            return b"".join(pieces)


Ask = Callable[[DaemonProcess, int, str], bytes]


def assert_refused(answer: bytes, status: tuple[int, ...] = (502, 504, 403)) -> None:
    """A refusal with words; or, of an answer that had begun to stream, an end that no client takes for one."""
    first, _, _ = answer.partition(b"\r\n")
    if b" 200 " in first:
        assert b"transfer-encoding: chunked" in answer or b"content-length: 1000" in answer
        assert b"half of" in answer
        assert not answer.endswith(b"0\r\n\r\n")
        return
    assert int(first.split()[1]) in status, answer[:300]
    assert b"half of it" not in answer
    assert len(answer.partition(b"\r\n\r\n")[2]) > 20, "a reason"


@pytest.mark.parametrize("road", ["plain", "opened"])
def test_an_origin_dies_at_every_phase(opened: DaemonProcess, plain: Broken, secret: Broken, road: str) -> None:
    ask: Ask = ask_plain if road == "plain" else ask_opened
    port = plain.port if road == "plain" else secret.port
    assert b"fine" in ask(opened, port, "/fine")
    with nothing_stays(opened, plain, secret):
        for phase in (*PHASES, *NONSENSE):
            for how in ("fin", "rst"):
                path = f"/{phase}/{how}"
                assert_refused(ask(opened, port, path))
                assert len(failures(opened, f"{port}{path}")) == 1, path
        assert b"fine" in ask(opened, port, "/fine")


@pytest.mark.parametrize("road", ["plain", "opened"])
def test_an_origin_falls_silent_at_every_phase(opened: DaemonProcess, plain: Broken, secret: Broken, road: str) -> None:
    ask: Ask = ask_plain if road == "plain" else ask_opened
    port = plain.port if road == "plain" else secret.port
    paths = [f"/{phase}/silent" for phase in ("at-once", "head", "interim", "after-head", "body", "chunk")]
    answers: dict[str, bytes] = {}
    with nothing_stays(opened, plain, secret):
        threads = [
            threading.Thread(target=lambda path=path: answers.update({path: ask(opened, port, path)}), daemon=True)
            for path in paths
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        for path in paths:
            assert_refused(answers[path])
            assert len(failures(opened, f"{port}{path}")) == 1, path


@pytest.mark.parametrize(
    ("said", "reason"), [(b"", b"during the TLS handshake"), (b"220 mail.example ESMTP\r\n", b"does not speak TLS")]
)
def test_an_origin_does_not_get_through_the_handshake(opened: DaemonProcess, said: bytes, reason: bytes) -> None:
    with nothing_stays(opened), socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with server.accept()[0] as conn:
                conn.recv(65536)
                conn.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        answer = ask_opened(opened, port, "/unshaken")
        thread.join(PATIENCE)
    assert_refused(answer)
    assert reason in answer
    assert len(failures(opened, f"{port}/unshaken")) == 1


@pytest.mark.parametrize("who", ["origin", "client"])
@pytest.mark.parametrize("road", ["plain", "opened"])
def test_a_large_upload_is_broken_off_by_either_side(
    patient: DaemonProcess, trusted: tuple[Path, ssl.SSLContext], road: str, who: str
) -> None:
    seen: list[int] = []
    begun = threading.Event()
    with nothing_stays(patient), socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        server.settimeout(30)

        def serve() -> None:
            """Take some of it, and in the end leave; or as much as comes."""
            got = 0
            with contextlib.suppress(OSError), server.accept()[0] as raw:
                raw.settimeout(PATIENCE)
                conn = trusted[1].wrap_socket(raw, server_side=True) if road == "opened" else raw
                with conn:
                    while who == "client" or got < 2_000_000:
                        piece = conn.recv(65536)
                        if not piece:
                            break
                        got += len(piece)
                        begun.set()
            seen.append(got)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        answer = upload(patient, port, road, leaves_after=3_000_000 if who == "client" else 100_000_000, begun=begun)
        thread.join(2 * PATIENCE)
        assert seen, f"the origin still waits; the client was told {answer!r}"
        if who == "origin":
            assert_refused(answer)
            assert len(failures(patient, f"{port}/upload")) == 1
        else:
            assert 0 < seen[0] < 100_000_000, answer


def upload(daemon: DaemonProcess, port: int, road: str, *, leaves_after: int, begun: threading.Event) -> bytes:
    """Send a body of 100 MB, or the beginning of one; what was answered.

    A client that leaves does so once the origin has seen some of it: before that there may be no origin to tell.
    """
    context = ssl.create_default_context(cafile=str(daemon.home / "ca.pem"))
    target = "/upload" if road == "opened" else f"http://127.0.0.1:{port}/upload"
    head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 100000000\r\n\r\n".encode()
    block = b"a line of an ordinary text\n" * 2000
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) as raw:
        sock = raw
        if road == "opened":
            raw.sendall(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert b" 200 " in raw.recv(65536)
            sock = context.wrap_socket(raw, server_hostname="127.0.0.1")
        with sock:
            sent = 0
            with contextlib.suppress(OSError):
                sock.sendall(head)
                while sent < leaves_after:
                    sock.sendall(block)
                    sent += len(block)
            answer = b""
            if leaves_after == 100_000_000 or not begun.wait(PATIENCE):
                with contextlib.suppress(OSError):
                    while piece := sock.recv(65536):
                        answer += piece
            return answer


def test_an_origin_is_not_there(opened: DaemonProcess) -> None:
    port = free_port()
    with nothing_stays(opened):
        for ask in (ask_plain, ask_opened):
            answer = ask(opened, port, "/gone")
            assert_refused(answer)
            assert b"refused" in answer
    assert len(failures(opened, f"{port}/gone")) == 2


def test_a_name_is_not_there(opened: DaemonProcess) -> None:
    with nothing_stays(opened):
        answer = exchange(
            opened.port,
            b"GET http://nowhere.invalid/ HTTP/1.1\r\nHost: nowhere.invalid\r\nConnection: close\r\n\r\n",
            seconds=2 * PATIENCE,
        )
        assert_refused(answer, (403, 502, 503))
    assert len(failures(opened, "nowhere.invalid")) == 1


def test_more_hosts_than_certificates_are_kept(opened: DaemonProcess, secret: Broken) -> None:
    with nothing_stays(opened, secret):
        for _ in range(3):
            for host in HOSTS:
                assert b"fine" in ask_opened(opened, secret.port, "/fine", host)


# -- the machine runs out ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def full_disk(daemon: DaemonProcess) -> Iterator[None]:
    """The daemon's log can't grow, which is how a full disk looks to it."""
    log = daemon.home / "audit" / "audit.jsonl"
    limits = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 10, limits[1]))
    yield
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_stops_everything_in_mode_strict_and_room_lets_it_go_on(make_daemon, origin: Origin) -> None:
    daemon = make_daemon(BASE_CONFIG.replace("balanced", "strict") + "api_allowlist: [127.0.0.1]\n")
    assert status_of(curl(daemon, f"{origin.url}/before")) == 200
    with nothing_stays(daemon, origin):
        with full_disk(daemon):
            for _ in range(5):
                refused = curl(daemon, f"{origin.url}/unrecorded")
                assert status_of(refused) == 503
                assert "the audit log cannot be written" in refused.stdout
        assert [seen[1] for seen in origin.seen] == ["/before"], "what cannot be recorded does not happen"
        assert status_of(curl(daemon, f"{origin.url}/after")) == 200
    urls = [line.get("url", "") for line in lines_of(daemon)]
    assert sum("/after" in url for url in urls) == 2
    assert "the audit log cannot be written" in daemon.log.read_text()


def test_in_mode_balanced_it_is_announced_and_work_goes_on(make_daemon, origin: Origin) -> None:
    daemon = make_daemon()
    assert status_of(curl(daemon, f"{origin.url}/before")) == 200
    with full_disk(daemon):
        assert status_of(curl(daemon, f"{origin.url}/unrecorded")) == 200
        assert "the audit log cannot be written" in daemon.log.read_text()
    assert status_of(curl(daemon, f"{origin.url}/after")) == 200


def test_no_descriptors_left_is_refused_and_heals(make_daemon, origin: Origin) -> None:
    daemon = make_daemon()
    assert status_of(curl(daemon, f"{origin.url}/before")) == 200
    limits = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
    with nothing_stays(daemon, origin), socket.create_server(("127.0.0.1", 0), backlog=50) as mute:
        port = mute.getsockname()[1]
        head = f"GET http://127.0.0.1:{port}/dialled HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        held = [socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) for _ in range(30)]
        with daemon.client() as control:
            wait_for(lambda: control.status().connections >= len(held), what="the connections")
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (descriptors(daemon), limits[1]))
        # Those that are in find that nothing more can be dialled, once the last free number is used up.
        for sock in held:
            sock.sendall(head.encode())
        answers: list[bytes] = []
        waiting = set(held)

        def refused() -> bool:
            """Whether ten were; who got the last numbers waits for an origin that says nothing."""
            for sock in select.select(waiting, [], [], 0)[0]:
                waiting.discard(sock)
                answers.append(sock.recv(65536))
            return len(answers) >= 10

        wait_for(refused, what="ten refusals")
        for answer in answers:
            assert_refused(answer)
            assert b"Too many open files" in answer
        # Newcomers wait to be let in, and nothing hangs once there is room.
        late = [socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE) for _ in range(50)]
        for sock in (*late, *held):
            sock.close()
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, limits)
        wait_for(lambda: status_of(curl(daemon, f"{origin.url}/after")) == 200, what="service")
    assert len(failures(daemon, f"{port}/dialled")) >= len(answers)


def test_a_thousand_holds_wait_or_are_refused_and_all_end(make_daemon, origin: Origin) -> None:
    config = BASE_CONFIG + (
        "egress_rules:\n"
        '  - {name: posting needs a person, action: ask, method: POST, reason: "posts are seen by the world"}\n'
        "approvals: {unattended: hold, timeout_seconds: 6, max_pending: 600, max_pending_per_session: 600}\n"
    )
    daemon = make_daemon(config)
    assert status_of(curl(daemon, f"{origin.url}/before")) == 200
    with nothing_stays(daemon, origin, grown=60):
        waiting = []
        for number in range(1000):
            body = f"number {number}".encode()
            sock = socket.create_connection(("127.0.0.1", daemon.port), timeout=PATIENCE)
            sock.sendall(
                b"POST http://127.0.0.1:%d/hold HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (origin.port, origin.port, len(body), body)
            )
            waiting.append(sock)
        assert status_of(curl(daemon, f"{origin.url}/meanwhile")) == 200
        for sock in waiting[:50]:
            sock.close()
        answers = []
        for sock in waiting[50:]:
            answer = b""
            with contextlib.suppress(OSError):
                while piece := sock.recv(65536):
                    answer += piece
            answers.append(answer)
            sock.close()
    assert {answer[9:12] for answer in answers} <= {b"403", b"429"}
    assert sum(b"nobody answered" in answer for answer in answers) >= 500
    # 350 and more; fewer where the first have waited long enough before the last came.
    assert sum(b"600 requests already wait" in answer for answer in answers) >= 50
    assert [seen for seen in origin.seen if seen[0] == "POST"] == []
    outcomes = [line["outcome"] for line in daemon.lines() if "/hold" in str(line.get("url", "")) and "outcome" in line]
    assert len(outcomes) == 1000, "one line each"
