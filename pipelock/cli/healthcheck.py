"""`pipelock healthcheck`: for containers and supervisors."""

from __future__ import annotations

import socket
import time

from pipelock.cli.address import parse_address, reachable, url_of
from pipelock.cli.errors import CommandError
from pipelock.cli.table import Arguments
from pipelock.model import escape

__all__ = ["MAX_STATUS_LINE", "TIMEOUT", "execute"]

TIMEOUT = 3.0
"""Seconds for the whole exchange."""
MAX_STATUS_LINE = 512


def execute(arguments: Arguments) -> int:
    """Succeed where `GET /health` is answered 200 in time."""
    host, port = parse_address(arguments.address or "")
    line = _status_line(reachable(host), port, time.monotonic() + TIMEOUT)
    words = line.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or words[1] != "200":
        raise CommandError(f"not healthy: {arguments.address} answered {escape(line, 100) or 'nothing'}")
    print("healthy")
    return 0


def _status_line(host: str, port: int, deadline: float) -> str:
    """The first line of the answer to `GET /health`, without its line ending."""
    # With the port (RFC 9110 §7.2), or the daemon takes it for a request to somebody else.
    authority = url_of(host, port).removeprefix("http://")
    request = f"GET /health HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
    received = b""
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT) as link:
            link.sendall(request.encode("ascii"))
            while b"\n" not in received and len(received) < MAX_STATUS_LINE:
                link.settimeout(max(deadline - time.monotonic(), 0.001))
                data = link.recv(MAX_STATUS_LINE)
                if not data:
                    break
                received += data
    except OSError as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise CommandError(f"not healthy: {host}:{port}: {why}") from error
    return received.partition(b"\n")[0].rstrip(b"\r").decode("latin-1")
