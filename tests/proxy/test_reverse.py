"""The reverse proxy, as conversations."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from pipelock.config.upstream import parse_upstream
from pipelock.model import BlockReason, Kind, Transport, Verdict
from pipelock.proxy.reverse import ReverseConnection, ReverseFactory
from pipelock.proxy.reverse_rules import ReverseRules
from tests.factories import FAKE_KEY, FAKE_ORDER
from tests.proxy.house import Caller, House, ok

PRIVATE = "http://127.0.0.1:3000/v1"
FOREVER = float("inf")


class Customer(Caller):
    """A client of the reverse proxy."""

    def __init__(self, house: House, rules: ReverseRules) -> None:
        super().__init__(house.context)
        self.rules = rules
        self.leaves()  # who came by the main listener
        self.line.is_lost = False
        self.line.protocol = ReverseConnection(house.context, "127.0.0.1", lambda: self.rules)
        self.protocol.makeConnection(self.line)


def come(upstream: str = PRIVATE, **settings: Any) -> tuple[House, Customer]:
    house = House(**settings)
    return house, Customer(house, ReverseRules(upstream=parse_upstream(upstream)))


def submit(upstream: str = "http://app.example:3000/v1", trusted_until: float = 0.0) -> tuple[House, Customer]:
    house = House()
    rules = ReverseRules(
        upstream=parse_upstream(upstream),
        methods=frozenset({"POST"}),
        paths=frozenset({"/jobs"}),
        max_body=100,
        request_seconds=5.0,
        trusted_until=trusted_until,
    )
    return house, Customer(house, rules)


def ask(path: str = "/x", method: str = "GET", extra: str = "", body: bytes = b"") -> bytes:
    if body and "Transfer-Encoding" not in extra:
        extra += f"Content-Length: {len(body)}\r\n"
    return f"{method} {path} HTTP/1.1\r\nHost: us.example\r\n{extra}\r\n".encode() + body


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


CHUNKED = "Transfer-Encoding: chunked\r\n"


def test_a_request_goes_to_the_upstream_in_its_own_name_though_its_address_is_private() -> None:
    house, client = come()
    client.says(ask("/x?y=z", extra="X-Forwarded-For: 1.2.3.4\r\nCookie: a=b\r\n"))
    (dialled,) = house.dials
    assert (dialled.address, dialled.port) == ("127.0.0.1", 3000)
    heard = dialled.answer().heard
    assert heard.startswith(b"GET /v1/x?y=z HTTP/1.1\r\nhost: 127.0.0.1:3000\r\n")
    assert b"cookie: a=b" in heard
    assert b"forwarded" not in heard
    dialled.says(ok(b"found"))
    assert client.heard.endswith(b"found")
    assert [(record.action.kind, record.action.transport) for record in house.records] == [
        (Kind.REQUEST, Transport.REVERSE),
        (Kind.RESPONSE, Transport.REVERSE),
    ]


def test_the_connection_is_kept() -> None:
    house, client = come()
    for path in ("/one", "/two"):
        client.takes_all()
        client.says(ask(path))
        dialled = house.dials[0]
        (dialled if dialled.protocol else dialled.answer()).says(ok(path.encode()))
        assert client.heard.endswith(path.encode())
    client.leaves()
    assert len(house.dials) == 1


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("http://127.0.0.1:3000/v1/next?a", b"location: /next?a\r\n"),
        ("/v1/next", b"location: /next\r\n"),
        ("https://elsewhere.example/", b"location: https://elsewhere.example/\r\n"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"moved"])
def test_a_redirect_to_the_upstream_leads_back_here(said: str, wanted: bytes, body: bytes) -> None:
    house, client = come()
    client.says(ask())
    answer = f"HTTP/1.1 302 Found\r\nLocation: {said}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    house.dials[0].answer().says(answer)
    assert wanted in client.heard
    assert len(house.dials) == 1


@pytest.mark.parametrize(
    "request_line",
    ["GET http://us.example/x HTTP/1.1", "GET http://evil.example/ HTTP/1.1", "CONNECT us.example:443 HTTP/1.1"],
)
def test_it_is_no_forward_proxy(request_line: str) -> None:
    host = request_line.split()[1].removeprefix("http://").partition("/")[0]
    house, client = come()
    client.says(f"{request_line}\r\nHost: {host}\r\n\r\n".encode())
    assert client.heard.startswith(b"HTTP/1.1 421")
    assert not house.dials


def test_nothing_leads_out_of_the_base_path() -> None:
    house, client = come()
    client.says(ask("/%2e%2e/admin"))
    assert client.heard.startswith(b"HTTP/1.1 400")
    assert b"x-pipelock-block-reason-layer: reverse_proxy" in client.heard
    assert not house.dials


@pytest.mark.parametrize(
    "request_",
    [
        ask(f"/?k={FAKE_KEY}"),
        ask(extra=f"Authorization: Bearer {FAKE_KEY}\r\n"),
        ask(method="POST", body=f"key={FAKE_KEY}".encode()),
        ask(method="POST", extra=CHUNKED, body=chunks(b"key=", FAKE_KEY[:9].encode(), FAKE_KEY[9:].encode())),
    ],
    ids=["url", "header", "body", "chunks"],
)
def test_a_secret_does_not_leave(request_: bytes) -> None:
    house, client = come()
    client.says(request_)
    assert client.heard.startswith(b"HTTP/1.1 403")
    assert b"x-pipelock-block-reason: dlp_match" in client.heard
    assert not house.dials


def test_an_order_does_not_arrive() -> None:
    house, client = come()
    client.says(ask())
    house.dials[0].answer().says(ok(FAKE_ORDER.encode()))
    assert house.records[-1].decision.verdict is Verdict.BLOCK
    assert FAKE_ORDER.encode() not in client.heard
    assert b'"direction":"response"' in client.heard


def test_metadata_is_nobodys_upstream() -> None:
    house, client = come("http://169.254.169.254")
    client.says(ask())
    assert b"x-pipelock-block-reason: ssrf_metadata" in client.heard
    assert not house.dials


def test_the_kill_switch_holds_here_too() -> None:
    house, client = come()
    house.kill.set_api(True)
    client.says(ask())
    assert client.heard.startswith(b"HTTP/1.1 503")
    assert not house.dials


# -- profile submit ----------------------------------------------------------------------------------------------------


def test_what_is_listed_goes() -> None:
    house, client = submit()
    client.says(ask("/jobs", "POST", body=b"x" * 100))
    heard = house.dials[0].answer().heard
    assert heard.startswith(b"POST /v1/jobs HTTP/1.1\r\nhost: app.example:3000\r\n")
    house.dials[0].says(ok(b"taken"))
    assert client.heard.endswith(b"taken")
    assert not [watched for watched in house.context.watched if watched is not client.protocol]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (ask("/jobs"), 403),
        (ask("/other", "POST", body=b"x"), 403),
        (ask("/jobs", "POST", extra="X-HTTP-Method-Override: DELETE\r\n", body=b"x"), 403),
        (ask("/jobs", "POST", extra="Connection: upgrade\r\nUpgrade: websocket\r\n", body=b"x"), 403),
        (ask("/jobs", "POST", body=b"x" * 101), 413),
        (ask("/jobs", "POST", extra=CHUNKED, body=chunks(b"x" * 60, b"x" * 41)), 413),
        (ask("/jobs", "POST", extra="Content-Encoding: gzip\r\n", body=b"x"), 415),
    ],
)
def test_what_is_not_listed_or_too_large_does_not(request_: bytes, status: int) -> None:
    house, client = submit()
    client.says(request_)
    assert client.heard.startswith(b"HTTP/1.1 %d" % status)
    assert not house.dials
    assert len(house.records) == 1
    client.leaves()
    house.assert_nothing_is_left()


def test_an_upstream_that_does_not_answer_in_time() -> None:
    house, client = submit()
    client.says(ask("/jobs", "POST", body=b"x"))
    house.dials[0].answer()
    house.wait(4)
    assert client.heard == b""
    house.wait(2)
    assert client.heard.startswith(b"HTTP/1.1 504")
    assert b"x-pipelock-block-reason: timeout" in client.heard
    assert house.dials[0].line.is_closing
    client.leaves()
    house.assert_nothing_is_left()


def test_an_answer_that_does_not_end_in_time_is_broken_off() -> None:
    house, client = submit()
    client.says(ask("/jobs", "POST", body=b"x"))
    upstream = house.dials[0].answer()
    upstream.says(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
    assert client.heard.startswith(b"HTTP/1.1 200")
    house.wait(6)
    assert client.line.is_closing
    assert upstream.line.is_closing
    assert house.records[-1].decision.code is BlockReason.TIMEOUT
    client.leaves()
    house.assert_nothing_is_left()


def test_a_request_that_does_not_end_in_time() -> None:
    house, client = submit()
    client.says(ask("/jobs", "POST", extra="Content-Length: 10\r\n"))
    house.wait(6)
    assert client.heard.startswith(b"HTTP/1.1 504")
    assert not house.dials


@pytest.mark.parametrize(("until", "dials"), [(0.0, 0), (1.0, 0), (FOREVER, 1)])
def test_a_private_address_needs_a_trust_that_holds(until: float, dials: int) -> None:
    house, client = submit("http://127.0.0.1:3000", until)
    client.says(ask("/jobs", "POST", body=b"x"))
    assert len(house.dials) == dials


def test_new_rules_hold_for_the_next_request() -> None:
    house, client = submit()
    client.says(ask("/jobs", "POST", body=b"x"))
    house.dials[0].answer().says(ok())
    client.takes_all()
    client.rules = replace(client.rules, paths=frozenset({"/other"}))
    client.says(ask("/jobs", "POST", body=b"x"))
    assert client.heard.startswith(b"HTTP/1.1 403")


def test_the_factory_makes_connections_and_makes_room() -> None:
    house = House()
    factory = ReverseFactory(house.context, ReverseRules(upstream=parse_upstream(PRIVATE)))
    assert isinstance(factory.buildProtocol(None), ReverseConnection)
    factory.rules = ReverseRules(upstream=parse_upstream("http://other.example"))
    assert isinstance(factory.buildProtocol(None), ReverseConnection)
