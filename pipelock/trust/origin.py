"""A web server on loopback that nobody trusts but our proxy: where the probes are sent.

Its authority is made for one run and known to the private daemon alone. So a program that gets an answer got it through
the proxy, and one that comes here by itself fails and is seen.

Limits: 5 s and 64 KiB for a request; what comes after it is not read.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipelock.tls.certificates import make_authority, make_leaf
from pipelock.tls.files import Sensitivity, write_file
from pipelock.trust.loopback import LoopbackServer

__all__ = ["Origin"]

_SECONDS = 5.0
_MAX_LINE = 65_536
_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n",
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 5\r\nConnection: close\r\n\r\nnone\n",
)
"""For `/probe`, and for everything else."""


class Origin:
    """Listens while it is entered.

    Args:
        folder: For its files; ours alone.
        zones: Domains under which every single label is a name of this server.

    Attributes:
        authority: The certificate to trust, PEM.
        hosts: Names that somebody asked for in a TLS handshake, whether it went well or not.
        port: On 127.0.0.1.
    """

    def __init__(self, folder: Path, zones: Sequence[str]) -> None:
        self.authority = folder / "origin-ca.pem"
        self.hosts: set[str] = set()
        self._contexts = _contexts(folder, self.authority, zones)
        self._first = next(iter(self._contexts.values()))
        self._first.sni_callback = self._choose
        self._server = LoopbackServer(self._serve)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _choose(self, side: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        self.hosts.add(name or "")
        side.context = self._contexts.get((name or "").partition(".")[2], self._first)

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(_SECONDS)
        with suppress(OSError, ValueError), self._first.wrap_socket(sock, server_side=True) as side:
            with side.makefile("rb") as lines:
                first = lines.readline(_MAX_LINE)
                while lines.readline(_MAX_LINE).strip():
                    pass
            side.sendall(_ANSWER[0] if b" /probe " in first else _ANSWER[1])


def _contexts(folder: Path, authority: Path, zones: Sequence[str]) -> dict[str, ssl.SSLContext]:
    """A context for each zone; the authority's certificate is written, its key is not kept."""
    now, day = datetime.now(UTC), timedelta(days=1)
    issuer = make_authority("Pipelock trust doctor", "Pipelock test server", now, day)
    write_file(authority, issuer.certificate.public_bytes(serialization.Encoding.PEM), Sensitivity.CERTIFICATE)
    contexts = {}
    for zone in zones:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = make_leaf(issuer, x509.DNSName(f"*.{zone}"), key.public_key(), now, day)
        file = folder / f"{zone}.pem"
        form = serialization.PrivateFormat.PKCS8
        secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        write_file(file, secret + leaf.public_bytes(serialization.Encoding.PEM), Sensitivity.KEY)
        contexts[zone] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        contexts[zone].load_cert_chain(file)
    return contexts
