"""The roads that lead through one daemon to an origin, asked in the same way: forward, intercepted, reverse, /fetch."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.e2e.conftest import BASE_CONFIG, DaemonProcess, Trust, free_port, intercepting, wait_for
from tests.e2e.origins import RecordingOrigin

ROADS = ("forward", "intercept", "reverse", "fetch")
SECONDS = 30
HELD = 1_048_576
"""The largest answer that is held; elsewhere than inside TLS it can't be set lower."""


@dataclass(frozen=True)
class Reply:
    """What a client was answered; `complete` is false where it broke off."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool = True

    @property
    def reason(self) -> str:
        return self.headers.get("x-pipelock-block-reason", "")

    @property
    def text(self) -> str:
        """The text; of `/fetch` what it wraps in JSON."""
        if self.headers.get("content-type") == "application/json" and self.body.startswith(b'{"url":'):
            return str(json.loads(self.body).get("content", ""))
        return self.body.decode()


@dataclass(frozen=True)
class Request:
    """What a client sends. A body in pieces is sent chunked."""

    path: str = "/x"
    body: bytes | tuple[bytes, ...] | None = None
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"


class Lab:
    """A daemon, an origin in the clear and one by TLS, and the roads between a client and them.

    `config` is what all roads have in common; the roads themselves are added to it.
    """

    def __init__(self, home: Path, compiled: Path, trust: Trust, config: str = BASE_CONFIG) -> None:
        self.plain = RecordingOrigin()
        self.secure = RecordingOrigin(trust.tls)
        self.reverse_port = free_port()
        self.heard = threading.Event()
        """Set when a client has the first bytes of an answer's body."""
        self._trust = trust
        self.daemon = DaemonProcess(home, self._whole(config), compiled=compiled).start()
        self._told = 0

    def _whole(self, config: str) -> str:
        reverse = f"{{enabled: true, listen: '127.0.0.1:{self.reverse_port}', upstream: '{self.plain.url}'}}"
        return intercepting(self._trust, config, f", max_response_bytes: {HELD}") + f"reverse_proxy: {reverse}\n"

    def change(self, config: str) -> None:
        """Have the daemon go on with another config: with one that is another."""
        self.daemon.config_path.write_text(self._whole(config))
        with self.daemon.client() as operator:
            before = operator.status().policy
            operator.reload()
            wait_for(lambda: operator.status().policy != before, what="the reload")

    def close(self) -> None:
        self.daemon.stop()
        self.plain.close()
        self.secure.close()

    def origin(self, road: str) -> RecordingOrigin:
        """Who answers at the end of `road`."""
        return self.secure if road == "intercept" else self.plain

    def forget(self) -> None:
        """What arrived so far, and what was told."""
        self.plain.forget()
        self.secure.forget()
        self.heard.clear()
        self._told = len(self.daemon.lines())

    def refusals(self, count: int = 1) -> list[dict[str, Any]]:
        """The records that refuse, since `forget`; there must be `count`."""
        return self.records({"block"}, count)

    def records(self, verdicts: set[str], count: int = 1) -> list[dict[str, Any]]:
        """The records of these verdicts, since `forget`; there must be `count`."""

        def look() -> list[dict[str, Any]]:
            return [line for line in self.daemon.lines()[self._told :] if line.get("verdict") in verdicts]

        wait_for(lambda: len(look()) >= count, what=f"{count} records")
        found = look()
        assert len(found) == count, found
        return found

    def ask(self, road: str, request: Request) -> Reply:
        """Send `request` by `road`, on a connection of its own."""
        origin = self.origin(road)
        port = self.reverse_port if road == "reverse" else self.daemon.port
        if road == "intercept":
            context = ssl.create_default_context(cafile=str(self.daemon.home / "ca.pem"))
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=SECONDS, context=context)
            connection.set_tunnel("localhost", origin.port)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        target = request.path
        if road == "forward":
            target = origin.url + target
        elif road == "fetch":
            target = f"/fetch?url={quote(origin.url + target, safe='')}"
        with contextlib.closing(connection):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused while it still sends
                body = request.body
                pieces = isinstance(body, tuple)
                connection.request(
                    request.method, target, iter(body) if pieces else body, request.headers, encode_chunked=pieces
                )
            return _read(connection.getresponse(), self.heard)


def _read(answer: http.client.HTTPResponse, heard: threading.Event) -> Reply:
    data, complete = bytearray(), True
    try:
        while piece := answer.read1(65_536):
            data += piece
            heard.set()
        complete = answer.length in (0, None)
    except (OSError, http.client.HTTPException):
        complete = False
    return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, bytes(data), complete)
