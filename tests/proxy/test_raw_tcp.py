"""What may pass unread on purpose."""

from __future__ import annotations

import pytest

from pipelock.detect.hosts import HostPatternError
from pipelock.proxy.raw_tcp import RawTcp


@pytest.mark.parametrize(
    ("host", "port", "covered"),
    [
        ("github.com", 22, True),
        ("GitHub.com.", 22, True),
        ("ssh.github.com", 22, False),
        ("github.com", 443, False),
        ("db.example", 5432, True),
        ("a.b.db.example", 5432, True),
        ("example", 5432, False),
        ("10.0.0.5", 6379, True),
        ("10.0.0.6", 6379, False),
        ("2001:db8::1", 22, True),
        ("2001:0db8::0001", 22, True),
        ("not a host", 22, False),
    ],
)
def test_a_host_and_its_port_together(host: str, port: int, covered: bool) -> None:
    raw = RawTcp(["github.com:22", "*.db.example:5432", "10.0.0.5:6379", "[2001:db8::1]:22"])
    assert raw.covers(host, port) is covered
    assert not RawTcp().covers(host, port)


@pytest.mark.parametrize(
    "entry", ["github.com", "github.com:", "github.com:ssh", "github.com:0", "github.com:65536", "h:²"]
)
def test_a_port_is_needed(entry: str) -> None:
    with pytest.raises(ValueError, match="a port from 1 to 65535"):
        RawTcp([entry])


@pytest.mark.parametrize("entry", ["*:22", "a*.example:22", ":22", "https://x.example:22"])
def test_and_a_host(entry: str) -> None:
    with pytest.raises(HostPatternError):
        RawTcp([entry])
