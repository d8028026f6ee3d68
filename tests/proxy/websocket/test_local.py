"""What `/ws` sends on of a client's fields."""

from __future__ import annotations

from typing import Literal

import pytest

from pipelock.proxy.target import parse_url
from pipelock.proxy.websocket.local import forwarded
from pipelock.proxy.websocket.settings import WebSocketSettings

FIELDS = (
    ("host", "localhost:8888"),
    ("origin", "http://localhost:3000"),
    ("cookie", "a=b"),
    ("authorization", "Basic eDp5"),
    ("user-agent", "robot"),
    ("x-forwarded-for", "10.0.0.1"),
    ("sec-websocket-key", "x"),
)
ALWAYS = {("authorization", "Basic eDp5"), ("user-agent", "robot")}


@pytest.mark.parametrize(
    ("policy", "url", "origin"),
    [
        ("rewrite", "ws://example.com/chat", {("origin", "http://example.com")}),
        ("rewrite", "wss://example.com:8443/chat", {("origin", "https://example.com:8443")}),
        ("rewrite", "wss://[2606:2800:21f::1]/", {("origin", "https://[2606:2800:21f::1]")}),
        ("forward", "ws://example.com/chat", {("origin", "http://localhost:3000")}),
        ("strip", "ws://example.com/chat", set()),
    ],
)
def test_origin(policy: Literal["rewrite", "forward", "strip"], url: str, origin: set[tuple[str, str]]) -> None:
    settings = WebSocketSettings(enabled=True, origin_policy=policy)
    assert set(forwarded(FIELDS, parse_url(url), settings)) == ALWAYS | origin


def test_cookies_only_where_they_may() -> None:
    settings = WebSocketSettings(enabled=True, origin_policy="strip", forward_cookies=True)
    assert set(forwarded(FIELDS, parse_url("ws://example.com/"), settings)) == ALWAYS | {("cookie", "a=b")}
