"""Targets are read in one way; refusals are among the vectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.proxy.http1 import RemoteProtocolError, RequestHead, RequestReader
from pipelock.proxy.target import Authority, Target, parse_authority, parse_target, parse_url


def head(method: str, target: str, host: str) -> RequestHead:
    first = RequestReader().feed(f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())[0]
    assert isinstance(first, RequestHead)
    return first


@pytest.mark.parametrize(
    ("method", "target", "host", "expected", "authority"),
    [
        (
            "GET",
            "http://A.example/x?y",
            "a.example",
            Target("absolute", "http", "A.example", 80, "http://A.example/x?y", "/x?y"),
            "A.example",
        ),
        (
            "GET",
            "HTTP://a.example:8080",
            "a.example:8080",
            Target("absolute", "http", "a.example", 8080, "HTTP://a.example:8080/", "/"),
            "a.example:8080",
        ),
        (
            "GET",
            "http://a.example?x=/",
            "a.example",
            Target("absolute", "http", "a.example", 80, "http://a.example/?x=/", "/?x=/"),
            "a.example",
        ),
        (
            "GET",
            "https://a.example/",
            "a.example:443",
            Target("absolute", "https", "a.example", 443, "https://a.example/", "/"),
            "a.example",
        ),
        (
            "GET",
            "gopher://a.example/",
            "a.example",
            Target("absolute", "gopher", "a.example", 0, "gopher://a.example/", "/"),
            "a.example",
        ),
        (
            "GET",
            "http://[::1]:81/",
            "[::1]:81",
            Target("absolute", "http", "::1", 81, "http://[::1]:81/", "/"),
            "[::1]:81",
        ),
        (
            "GET",
            "/x?y",
            "a.example:8888",
            Target("origin", "http", "a.example", 8888, "http://a.example:8888/x?y", "/x?y"),
            "a.example:8888",
        ),
        ("OPTIONS", "*", "a.example", Target("origin", "http", "a.example", 80, "http://a.example/", "*"), "a.example"),
        (
            "CONNECT",
            "a.example:443",
            "a.example:443",
            Target("authority", "https", "a.example", 443, "https://a.example:443/", ""),
            "a.example",
        ),
        ("CONNECT", "[::1]:22", "[::1]", Target("authority", "https", "::1", 22, "https://[::1]:22/", ""), "[::1]:22"),
    ],
)
def test_target(method: str, target: str, host: str, expected: Target, authority: str) -> None:
    seen = parse_target(head(method, target, host))
    assert seen == expected
    assert seen.authority == authority


def test_an_origin_form_travels_on_the_scheme_of_its_tunnel() -> None:
    target = parse_target(head("GET", "/x", "a.example"), scheme="https")
    assert (target.url, target.port) == ("https://a.example/x", 443)


def test_an_old_request_without_host_names_nobody() -> None:
    first = RequestReader().feed(b"GET /x HTTP/1.0\r\n\r\n")[0]
    assert isinstance(first, RequestHead)
    assert parse_target(first) == Target("origin", "http", "", 80, "", "/x")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("a", "a", 0),
        ("a.b.", "a.b.", 0),
        ("A-1_x.example:65535", "A-1_x.example", 65535),
        ("0x7f.1", "0x7f.1", 0),
        ("[::FFFF:1.2.3.4]:1", "::FFFF:1.2.3.4", 1),
    ],
)
def test_authority(text: str, host: str, port: int) -> None:
    assert parse_authority(text) == Authority(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":80",
        ".",
        "a..b",
        ".a",
        "a:",
        "a:00080",
        "a:\u0661",
        "a b",
        "a%41",
        "[]",
        "[::1",
        "::1]",
        "[::1]80",
        "[1.2.3.4]",
        "[::1%eth0]",
        "a/b",
        "a?b",
        "a@b",
        "ä",
    ],
)
def test_bad_authority(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_authority(text)
    assert caught.value.status == 400


def test_a_url_loses_its_fragment() -> None:
    assert parse_url("https://a.example/x#y").url == "https://a.example/x"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "/x",
        "http://",
        "http://a b/",
        "http://a/\n",
        "http://ä/",
        "http://a\\b/",
        "http://me@a/",
        "http://a/" + "x" * 17_000,
    ],
)
def test_bad_url(url: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_url(url)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"http://{text}"):
        try:
            target = parse_url(url)
        except RemoteProtocolError:
            continue
        assert parse_url(target.url) == target
        assert target.path_query.startswith("/")
