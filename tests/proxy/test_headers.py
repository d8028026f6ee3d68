"""What crosses and what stays."""

from __future__ import annotations

import pytest

from pipelock.proxy.headers import forwardable_request, forwardable_response

DROPPED_FROM_REQUESTS = [
    *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings"),
    *("proxy-authorization", "proxy-authenticate", "proxy-connection"),
    *("host", "content-length", "expect", "via", "forwarded", "x-real-ip"),
    *("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-anything"),
    *("x-pipelock-agent", "x-pipelock-hint", "pipelock-mediation"),
]
DROPPED_FROM_RESPONSES = [
    *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length"),
    *("proxy-authenticate", "proxy-connection", "alt-svc"),
    *("x-pipelock-block-reason", "x-pipelock-hint", "pipelock-mediation"),
]


@pytest.mark.parametrize("name", DROPPED_FROM_REQUESTS)
def test_stays_with_the_client(name: str) -> None:
    assert forwardable_request(((name, "x"), ("a", "b"))) == (("a", "b"), ("accept-encoding", "identity"))


@pytest.mark.parametrize(
    "name", ["authorization", "cookie", "x-forward", "xylophone", "proxy", "p", "x", "content-type", "x-pipe"]
)
def test_crosses_to_the_origin(name: str) -> None:
    assert (name, "x") in forwardable_request(((name, "x"),))


def test_the_origin_is_asked_for_what_can_be_read() -> None:
    assert forwardable_request((("accept-encoding", "br, zstd"),)) == (("accept-encoding", "identity"),)


def test_connection_nominates() -> None:
    headers = (
        ("connection", "close, X-Secret ,cookie"),
        ("x-secret", "1"),
        ("cookie", "2"),
        ("connection", "third"),
        ("third", "3"),
        ("kept", "4"),
    )
    assert forwardable_request(headers) == (("kept", "4"), ("accept-encoding", "identity"))
    assert forwardable_response(headers) == (("kept", "4"),)


def test_order_and_repetition_stay() -> None:
    headers = (("set-cookie", "a"), ("date", "x"), ("set-cookie", "b"))
    assert forwardable_response(headers) == headers


@pytest.mark.parametrize("name", DROPPED_FROM_RESPONSES)
def test_stays_with_the_origin(name: str) -> None:
    assert forwardable_response(((name, "x"), ("a", "b"))) == (("a", "b"),)


def test_a_reencoded_response_loses_what_described_the_original() -> None:
    headers = (("content-encoding", "gzip"), ("etag", '"x"'), ("content-digest", "x"), ("content-type", "text/plain"))
    assert forwardable_response(headers) == headers
    assert forwardable_response(headers, reencoded=True) == (("content-type", "text/plain"),)
