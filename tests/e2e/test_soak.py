"""Long runs: `make soak`."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import DaemonProcess

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1200)]

REQUESTS = 100_000
CLIENTS = 8
LIMIT = 10.0
"""MiB that the daemon may have grown by."""


class QuickOrigin:
    """`quick_origin.py` in a process of its own."""

    def __init__(self) -> None:
        program = [sys.executable, str(Path(__file__).with_name("quick_origin.py"))]
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def finish(self) -> int:
        """End it; how many requests reached it."""
        out, _ = self.process.communicate(timeout=10)
        return int(out)


@pytest.fixture
def quick_origin() -> Iterator[QuickOrigin]:
    server = QuickOrigin()
    yield server
    server.process.kill()
    server.process.wait(10)
    for stream in (server.process.stdin, server.process.stdout):
        if stream is not None:
            stream.close()


def hammer(daemon: DaemonProcess, port: int, count: int, failures: list[bytes]) -> None:
    """Send `count` requests on one kept connection, one after the other."""
    request = b"GET http://127.0.0.1:%d/soak HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n\r\n" % (port, port)
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as sock, sock.makefile("rb") as reader:
        for _ in range(count):
            sock.sendall(request)
            status = reader.readline()
            length = 0
            while (line := reader.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)
            if not status.startswith(b"HTTP/1.1 200 "):
                failures.append(status)
                return


def test_a_hundred_thousand_requests_leave_memory_where_it_was(make_daemon, quick_origin: QuickOrigin) -> None:
    daemon = make_daemon()
    failures: list[bytes] = []
    warm = 10_000  # fills the ring of events, whose size is no leak
    hammer(daemon, quick_origin.port, warm, failures)
    before = daemon.rss_mib()
    threads = [
        threading.Thread(target=hammer, args=(daemon, quick_origin.port, REQUESTS // CLIENTS, failures), daemon=True)
        for _ in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(1000)
    assert failures == []
    grown = daemon.rss_mib() - before
    sys.stdout.write(f"RSS {before:.0f} MiB, and {grown:+.1f} MiB after {REQUESTS} requests\n")
    assert quick_origin.finish() == warm + REQUESTS
    assert grown <= LIMIT
