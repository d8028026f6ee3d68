"""The upstream side without a house: a pool, a clock turned by hand, origins in memory, and who asks them."""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from pipelock.proxy.http1 import Headers, Limits, ResponseHead
from pipelock.proxy.upstream import Origin, Pool, Sending, UpstreamRequest
from tests.proxy.lines import Dialled, Line

HTTP = Origin("http", "origin.example", 80)
HTTPS = Origin("https", "origin.example", 443)
ONE = ("192.0.2.1",)
TWO = ("192.0.2.1", "192.0.2.2")


class Asker:
    """Wants a response; remembers what it was told, and whether it was told more than it should be."""

    def __init__(self) -> None:
        self.head: ResponseHead | None = None
        self.body = b""
        self.ends: list[str] = []
        self.trailers: Headers = ()
        self.status = 0
        self.untrusted = False
        self.is_held = False
        self.holds = 0
        self.sending: Sending | None = None
        self.on_head: Any = None

    def response_head(self, head: ResponseHead) -> None:
        assert not self.ends
        assert self.head is None
        self.head = head
        if self.on_head is not None:
            self.on_head()

    def response_data(self, data: bytes) -> None:
        assert not self.ends
        assert self.head is not None
        self.body += data

    def response_end(self, trailers: Headers = ()) -> None:
        self.trailers = trailers
        self.ends.append("")

    def response_failed(self, why: str, status: int = 502, *, untrusted: bool = False) -> None:
        self.status, self.untrusted = status, untrusted
        self.ends.append(why)

    def request_hold(self) -> None:
        assert not self.ends
        self.is_held = True
        self.holds += 1

    def request_more(self) -> None:
        assert not self.ends
        assert self.is_held
        self.is_held = False

    @property
    def why(self) -> str:
        assert len(self.ends) == 1
        return self.ends[0]

    @property
    def is_answered(self) -> bool:
        return self.ends == [""]


class FarSide:
    """A pool of connections to origins in memory."""

    def __init__(self, *, takes: int | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.dials: list[Dialled] = []
        self.pool = Pool(self._dial, self.clock, Limits())
        self._takes = takes

    def _dial(self, origin: Origin, address: str, factory: Factory, timeout: float) -> Any:
        dialled = Dialled(address, origin.port, factory)
        dialled.line = Line(self._takes)
        self.dials.append(dialled)
        return dialled

    def ask(
        self, request: UpstreamRequest, origin: Origin = HTTP, addresses: tuple[str, ...] = ONE, **asker: Any
    ) -> Asker:
        who = Asker()
        for name, value in asker.items():
            setattr(who, name, value)
        who.sending = self.pool.send(origin, addresses, request, who)
        return who

    def wait(self, seconds: float) -> None:
        """Time passes, with a sweep every second as the daemon has it."""
        while seconds > 0:
            step = min(1.0, seconds)
            self.clock.advance(step)
            self.pool.sweep()
            seconds -= step

    def assert_nothing_is_left(self, *, idle: int = 0) -> None:
        """No connection, no one who waits, no timer."""
        assert len(self.pool) == idle
        assert self.pool.waiting == 0
        assert not self.clock.getDelayedCalls()
        for dial in self.dials[: len(self.dials) - idle]:
            assert dial.is_cancelled or dial.protocol is None or dial.line.is_closing or dial.line.is_lost


def get(path: str = "/", method: str = "GET", extra: str = "") -> UpstreamRequest:
    return UpstreamRequest(method, f"{method} {path} HTTP/1.1\r\nhost: origin.example\r\n{extra}\r\n".encode())


def post(body: bytes) -> UpstreamRequest:
    return UpstreamRequest("POST", _head("POST", f"content-length: {len(body)}"), body)


def streamed(length: int | None = None, method: str = "POST") -> UpstreamRequest:
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return UpstreamRequest(method, _head(method, framing), None, chunked=length is None)


def upgrade() -> UpstreamRequest:
    head = _head("GET", "connection: upgrade\r\nupgrade: websocket")
    return UpstreamRequest("GET", head, upgrade=True)


def _head(method: str, fields: str) -> bytes:
    return f"{method} / HTTP/1.1\r\nhost: origin.example\r\n{fields}\r\n\r\n".encode()


def ok(body: bytes = b"hello", extra: str = "") -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body
