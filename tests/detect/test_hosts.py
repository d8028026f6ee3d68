"""Host patterns and registrable domains."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.addresses import fold_host
from pipelock.detect.hosts import HostPatternError, HostSet, registrable_domain


@pytest.mark.parametrize(
    ("pattern", "host", "matches"),
    [
        ("example.com", "example.com", True),
        ("EXAMPLE.com.", "example.com", True),
        ("example.com", "www.example.com", False),
        ("*.example.com", "example.com", True),
        ("*.example.com", "a.example.com", True),
        ("*.example.com", "a.b.c.example.com", True),
        ("*.example.com", "badexample.com", False),
        ("*.example.com", "example.com.evil.net", False),
        ("*.example.com", "com", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("0x0a.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.10", False),
        ("[::1]", "::1", True),
        ("bücher.example", "xn--bcher-kva.example", True),
        ("localhost", "localhost", True),
    ],
)
def test_patterns(pattern: str, host: str, matches: bool) -> None:
    assert (host in HostSet((pattern,))) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "",
        " ",
        "*.",
        "*.168.1.1",
        "*.1",
        "a.*.com",
        "*example.com",
        "https://a.com",
        "a.com/x",
        "u@a.com",
        "a.com:80",
        "a?.com",
    ],
)
def test_refused_patterns(pattern: str) -> None:
    with pytest.raises(HostPatternError):
        HostSet((pattern,))


def test_a_lone_star_needs_leave() -> None:
    anything = HostSet(("*",), allow_any=True)
    assert "example.com" in anything
    assert "10.0.0.1" in anything
    assert anything
    assert len(anything) == 1
    assert not HostSet()
    assert "example.com" not in HostSet()


@given(st.text("ab.", max_size=12), st.text("ab.", min_size=1, max_size=6))
def test_a_wildcard_means_the_name_and_what_is_below(host: str, name: str) -> None:
    try:
        hosts = HostSet((f"*.{name}",))
    except HostPatternError:
        return
    bare = name.removesuffix(".")
    assert (host in hosts) is (host == bare or host.endswith("." + bare))


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.com", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("me.github.io", "me.github.io"),
        ("x.me.github.io", "me.github.io"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("127.1", "127.0.0.1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("a.b.unknown-tld-x", "b.unknown-tld-x"),
    ],
)
def test_registrable_domain(host: str, domain: str) -> None:
    assert registrable_domain(fold_host(host)) == domain
