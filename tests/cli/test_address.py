from __future__ import annotations

import pytest

from pipelock.cli.address import parse_address, reachable, url_of
from pipelock.cli.errors import UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8888", ("127.0.0.1", 8888)),
        ("localhost:1", ("localhost", 1)),
        ("[::1]:65535", ("::1", 65535)),
        (":8888", ("", 8888)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8888",
        "localhost",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "::1:80",
        "a b:80",
        "a'b:80",
        "x:٣",
        "x:1" * 9,
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="write host:port"):
        parse_address(text)


def test_every_interface_is_dialled_over_loopback() -> None:
    assert [reachable(host) for host in ("", "0.0.0.0", "::", "10.0.0.1")] == [
        "127.0.0.1",
        "127.0.0.1",
        "::1",
        "10.0.0.1",
    ]


def test_urls() -> None:
    assert url_of("0.0.0.0", 8888) == "http://127.0.0.1:8888"
    assert url_of("::", 80) == "http://[::1]:80"
