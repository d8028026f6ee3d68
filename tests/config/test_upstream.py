"""The upstream of a reverse proxy, and paths in their only spelling."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelock.config.rules import ValueRuleError
from pipelock.config.upstream import last_moment, parse_upstream, why_not_canonical


@pytest.mark.parametrize(
    ("text", "authority", "parts"),
    [
        ("http://app.example", "app.example", ("http", "app.example", 80, False, "")),
        ("https://App.Example./", "app.example", ("https", "app.example", 443, False, "")),
        ("HTTP://app.example:3000/", "app.example:3000", ("http", "app.example", 3000, True, "")),
        ("https://app.example:443/v1/", "app.example", ("https", "app.example", 443, True, "/v1")),
        ("http://127.0.0.1:3000/a/b", "127.0.0.1:3000", ("http", "127.0.0.1", 3000, True, "/a/b")),
        ("http://[::1]:3000", "[::1]:3000", ("http", "::1", 3000, True, "")),
        ("https://[2001:db8::1]", "[2001:db8::1]", ("https", "2001:db8::1", 443, False, "")),
        ("http://localhost", "localhost", ("http", "localhost", 80, False, "")),
    ],
)
def test_an_upstream_is_read(text: str, authority: str, parts: tuple[object, ...]) -> None:
    upstream = parse_upstream(text)
    assert tuple(upstream) == parts
    assert upstream.authority == authority


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("app.example", "begins with http:// or https://"),
        ("", "begins with http:// or https://"),
        ("ftp://app.example", "begins with http:// or https://"),
        ("unix:///run/app.sock", "begins with http:// or https://"),
        ("http://", "empty"),
        ("http:///path", "empty"),
        ("http://user:word@app.example", "user name"),
        ("http://app.example\\@other.example", "user name"),
        ("http://app.example\\other", "label"),
        ("http://app.example?x=1", "query"),
        ("http://app.example/#x", "fragment"),
        ("http://*.example.com", "wildcard"),
        ("http://app.example:", "port"),
        ("http://app.example:0", "port"),
        ("http://app.example:65536", "port"),
        ("http://app.example:+80", "port"),
        ("http://app.example:80:80", "port"),
        ("http://[::1", "brackets"),
        ("http://[127.0.0.1]", "brackets"),
        ("http://[::1]x", "port"),
        ("http://[fe80::1%eth0]", "zone"),
        ("http://::1", "port"),
        ("http://app.example/a/../b", ". or .. segment"),
        ("http://app.example//b", "//"),
        ("http://app.example/%2E%2E", "writes . as %2E"),
        ("http://bücher.example", "ASCII"),
        ("http://app.example/" + "a" * 2048, "2048"),
        ("http://a b.example", "label"),
        ("http://a\n.example", "label"),
    ],
)
def test_another_upstream_is_refused(text: str, part: str) -> None:
    with pytest.raises(ValueRuleError, match=re.escape(part)):
        parse_upstream(text)


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/", "/v1/jobs", "/v1/jobs:run", "/a;b=c/d", "/@me/~x", "/%C3%BC", "/a%20b", "/..a", "/a..", "/...", "/a=b,c"],
)  # fmt: skip
def test_one_spelling(path: str) -> None:
    assert why_not_canonical(path) is None


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("", "start with /"),
        ("a", "start with /"),
        ("http://x/a", "start with /"),
        ("//a", "// in it"),
        ("/a//b", "// in it"),
        ("/a//", "// in it"),
        ("/.", ". or .."),
        ("/a/./b", ". or .."),
        ("/a/..", ". or .."),
        ("/a/..;x=1/b", ". or .."),
        ("/a/%2E%2E/b", "writes . as %2E"),
        ("/%61", "writes a as %61"),
        ("/%7Euser", "writes ~ as %7E"),
        ("/a%3Bb", "writes ; as %3B"),
        ("/a%2Fb", "hides"),
        ("/a%5Cb", "hides"),
        ("/a%252Fb", "hides"),
        ("/a%00", "hides"),
        ("/a%0D%0A", "hides"),
        ("/a%7F", "hides"),
        ("/a%c3", "two digits 0-9A-F"),
        ("/a%", "two digits"),
        ("/a%4", "two digits"),
        ("/a%zz", "two digits"),
        ("/a\\b", "no path may have"),
        ("/a b", "no path may have"),
        ("/a?b", "no path may have"),
        ("/a#b", "no path may have"),
        ("/ü", "no path may have"),
        ("/a\x00", "no path may have"),
    ],
)
def test_other_spellings(path: str, part: str) -> None:
    why = why_not_canonical(path)
    assert why is not None
    assert part in why


@settings(max_examples=150)
@given(st.text(alphabet="/.%;\\aA2eEfF5cC0~+ \x00ü", max_size=12))
def test_what_is_canonical_is_what_its_own_decoding_is_written_as(tail: str) -> None:
    path = "/" + tail
    if why_not_canonical(path) is None:
        assert quote(unquote(path, "latin-1"), safe="/!$&'()*+,;=:@~", encoding="latin-1") == path
        assert not {".", ".."} & {segment.partition(";")[0] for segment in unquote(path).split("/")}


@pytest.mark.parametrize(("day", "end"), [("1970-01-01", 86_400.0), ("1970-01-02", 172_800.0)])
def test_the_end_of_a_day(day: str, end: float) -> None:
    assert last_moment(day) == end


@pytest.mark.parametrize(
    "day", ["", "2027", "2027-1-31", "20270131", "2027-W05-1", "2027-02-30", "2027-01-31T00:00:00Z"]
)
def test_no_day(day: str) -> None:
    with pytest.raises(ValueRuleError, match="such as 2027-01-31"):
        last_moment(day)
