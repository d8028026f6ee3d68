"""One HTTP POST, blocking, with a deadline for all of it: run in a thread of its own.

No redirects, no proxy, no cookies, one address after the other; certificates are verified against the system's
authorities. Of the answer only the status is read.
"""

from __future__ import annotations

import errno
import socket
import ssl
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

__all__ = ["PostError", "post"]

_MAX_LINE = 4096
_PORTS = {"https": 443, "http": 80}


class PostError(Exception):
    """The message could not be delivered; the text says why and holds nothing of it."""


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
    """Send `body` as JSON; the status of the answer.

    Looking up the name may take longer than `seconds`: no system lets itself be interrupted in that.

    Raises:
        PostError: no connection, no valid certificate, no answer in time, or none that is HTTP.
    """
    parts = urlsplit(url)
    host, scheme = parts.hostname or "", parts.scheme
    deadline = time.monotonic() + seconds
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    authority = parts.netloc.rpartition("@")[2]
    fields = {"Host": authority, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join([f"POST {path} HTTP/1.1\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items())])
    try:
        with _connected(host, parts.port or _PORTS.get(scheme, 443), deadline) as plain:
            link = _secured(plain, host, deadline) if scheme == "https" else plain
            with link:
                link.settimeout(_left(deadline))
                link.sendall(head.encode("ascii") + b"Connection: close\r\n\r\n" + body)
                return _status(link, deadline)
    except ssl.SSLError as error:
        raise PostError(f"{host}: TLS: {error.reason or 'failed'}") from error
    except TimeoutError as error:
        raise PostError(f"{host}: no answer within {seconds:g} s") from error
    except (OSError, UnicodeError) as error:
        raise PostError(f"{host}: {getattr(error, 'strerror', None) or type(error).__name__}") from error


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    """A connection to the first address that takes one; each address may use up what is left of the time."""
    failure: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        link = socket.socket(family, kind, protocol)
        try:
            link.settimeout(_left(deadline))
            link.connect(address)
        except OSError as error:
            link.close()
            failure = error
        else:
            return link
    raise failure or OSError(errno.EADDRNOTAVAIL, "the name has no address")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _secured(plain: socket.socket, host: str, deadline: float) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    plain.settimeout(_left(deadline))
    return context.wrap_socket(plain, server_hostname=host)


def _status(link: socket.socket, deadline: float) -> int:
    """The status of the answer, whose first line comes before the deadline and is not too long."""
    line = b""
    while b"\n" not in line:
        link.settimeout(_left(deadline))
        data = link.recv(_MAX_LINE)
        line += data
        if not data or len(line) > _MAX_LINE:
            raise PostError("the answer is not HTTP")
    words = line.partition(b"\n")[0].split(b" ")
    if not words[0].startswith(b"HTTP/1.") or len(words) < 2 or len(words[1].strip()) != 3 or not words[1].isdigit():
        raise PostError("the answer is not HTTP")
    return int(words[1])
