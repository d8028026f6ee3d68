"""URLs are taken apart strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.detect.url_view import MAX_URL, UrlError, UrlView, parse_url, split_url


def view_of(url: str) -> UrlView:
    return parse_url(split_url(url))


def test_all_parts() -> None:
    view = view_of("HTTPS://me:pw@Example.COM:8443/a/b;c?x=1&y=2#frag?ment")
    assert (view.scheme, view.userinfo, view.host.name, view.port) == ("https", "me:pw", "example.com", 8443)
    assert (view.path, view.query, view.fragment) == ("/a/b;c", "x=1&y=2", "frag?ment")
    assert view.labels == ("Example", "COM")


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "query"),
    [
        ("http://a", "a", 80, "/", ""),
        ("https://a?", "a", 443, "/", ""),
        ("https://a?q=/x", "a", 443, "/", "q=/x"),
        ("https://a:/x", "a", 443, "/x", ""),
        ("https://a#/x?y", "a", 443, "/", ""),
        ("http://[::1]:81/x", "::1", 81, "/x", ""),
        ("http://[::1]", "::1", 80, "/", ""),
        ("http://a//b", "a", 80, "//b", ""),
        ("http://u@a", "a", 80, "/", ""),
        ("http://a/@b", "a", 80, "/@b", ""),
        ("http://a?@b", "a", 80, "/", "@b"),
        ("ws://a/", "a", 0, "/", ""),
    ],
)
def test_parts(url: str, host: str, port: int, path: str, query: str) -> None:
    view = view_of(url)
    assert (view.host.name, view.port, view.path, view.query) == (host, port, path, query)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/",
        ":x",
        "1http://a",
        "http:/a",
        "http:a",
        "http://",
        "http:///a",
        "http://?x",
        "http://@",
        "http://:80/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:080000/",
        "http://a:+80/",
        "http://a:８０/",
        "http://a:80:90/",
        "http://a b/",
        "http://a/b c",
        "http://a/\tb",
        "http://a/\x00",
        "http://a/\x7f",
        "http://good.com\\@evil.com/",
        "http://good.com\\.evil.com/",
        "http://a@b@c/",
        "http://[::1/",
        "http://[::1]x/",
        "http://[::1]x:80/",
        "http://::1/",
        "http://256.0.0.1/",
        "https://a/" + "x" * MAX_URL,
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(UrlError, match=r"."):
        view_of(url)


def test_parameters_are_decoded_to_the_end_in_wire_order() -> None:
    view = view_of("http://a/?b=%2531&a=x+y;flag&&c=&=d&e=f=g")
    assert [(item.key, item.value, item.has_value) for item in view.parameters] == [
        ("b", "1", True),
        ("a", "x y", True),
        ("flag", "", False),
        ("c", "", True),
        ("", "d", True),
        ("e", "f=g", True),
    ]


def test_segments_part_at_escaped_slashes_too() -> None:
    assert view_of("http://a/x%2Fy//z%252fw").segments == ("x", "y", "z", "w")
    assert view_of("http://a").segments == ()


def test_labels_keep_case_and_are_empty_for_addresses() -> None:
    assert view_of("http://AbC.example.com./").labels == ("AbC", "example", "com")
    assert view_of("http://127.1/").labels == ()
    assert view_of("http://b%C3%BCcher.example/").labels == ("xn--bcher-kva", "example")


def test_the_fragment_is_not_sent() -> None:
    parts = split_url("http://a/%41#%42")
    assert parts.sent == "http://a/%41"
    assert parts.decoded.text == "http://a/A"


@given(st.text(max_size=200), st.sampled_from(["", "http://", "https://a", "http://["]))
def test_any_text_parses_or_is_refused(text: str, head: str) -> None:
    try:
        view = view_of(head + text)
    except UrlError:
        return
    assert view.path.startswith("/")
    assert 0 <= view.port < 65_536
    assert view.parameters is not None
