"""What a reverse proxy lets through, asks, and answers with."""

from __future__ import annotations

import time
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipelock.config import loads
from pipelock.config.rules import ValueRuleError
from pipelock.config.schema_proxy import ReverseProxy, TrustedUpstream
from pipelock.config.upstream import last_moment
from pipelock.model import BlockReason
from pipelock.proxy.reverse_rules import ReverseRules

TRUST = "trusted_upstream: {host: app.example, port: 3000, reason: ours, added: 2026-01-31"


def rules(upstream: str = "http://app.example:3000", more: str = "") -> ReverseRules:
    text = f"reverse_proxy: {{enabled: on, listen: '127.0.0.1:8890', upstream: '{upstream}'{more}}}"
    return ReverseRules.from_config(loads(text, "x").config.reverse_proxy)


def submit(more: str = "", upstream: str = "http://app.example:3000") -> ReverseRules:
    gates = "profile: submit, allowed_paths: [{exact: /jobs}, {exact: '/a b'}], max_body_bytes: 100"
    gates = gates.replace("/a b", "/a%20b")
    return rules(upstream, f", {gates}, request_timeout_seconds: 7{more}")


PLAIN = rules()
BASED = rules("https://App.Example/v1/")
SUBMIT = submit()


def test_where_everything_goes() -> None:
    assert (PLAIN.scheme, PLAIN.host, PLAIN.port, PLAIN.authority) == ("http", "app.example", 3000, "app.example:3000")
    assert (BASED.scheme, BASED.host, BASED.port, BASED.authority) == ("https", "app.example", 443, "app.example")
    assert rules("http://[::1]:3000").authority == "[::1]:3000"
    assert (PLAIN.max_body, PLAIN.request_seconds, PLAIN.trusted_until) == (0, 0.0, 0.0)
    assert (SUBMIT.max_body, SUBMIT.request_seconds, SUBMIT.trusted_until) == (100, 7.0, 0.0)


def test_a_section_that_was_not_checked() -> None:
    with pytest.raises(ValueRuleError):
        ReverseRules.from_config(ReverseProxy(enabled=True))


@pytest.mark.parametrize(
    ("asked", "plain", "based"),
    [
        ("/", "/", "/v1/"),
        ("/x?y=z", "/x?y=z", "/v1/x?y=z"),
        ("/?y", "/?y", "/v1/?y"),
        ("*", "*", "*"),
        ("//other.example/x", "//other.example/x", "/v1//other.example/x"),
        ("/@other.example", "/@other.example", "/v1/@other.example"),
        ("/.other.example", "/.other.example", "/v1/.other.example"),
    ],
)
def test_what_the_upstream_is_asked(asked: str, plain: str, based: str) -> None:
    assert (PLAIN.path_for(asked), BASED.path_for(asked)) == (plain, based)
    for each in (PLAIN, BASED):
        url = urlsplit(f"{each.scheme}://{each.authority}{each.path_for(asked) if asked != '*' else '/'}")
        assert url.netloc == each.authority


CLIMBING = [
    "/..", "/../admin", "/a/../../admin", "/a/..", "/%2e%2e/admin", "/.%2E/admin", "/%2e./admin", "/..%2fadmin",
    "/..%5Cadmin", "/..\\admin", "/..;/admin", "/..;x=1/admin", "/%252e%252e/admin", "/%25252e%25252e/admin",
    "/a/..%00/b", "/a/..%20/b", "/%2525252525252e", "/a/%2e%2e?x",
]  # fmt: skip


@pytest.mark.parametrize("path", CLIMBING)
def test_nothing_leads_out_of_the_base_path(path: str) -> None:
    fault = BASED.objection("GET", path, None)
    assert fault is not None
    assert (fault.reason, fault.status, fault.layer) == (BlockReason.BAD_REQUEST, 400, "reverse_proxy")
    assert PLAIN.objection("GET", path, None) is None


@pytest.mark.parametrize(
    "path", ["/", "/a", "//a", "/a..b", "/...", "/..a/b", "/a%2Fb", "/100%25", "/a?b=../..", "/a?b=%2e%2e/", "*"]
)
def test_the_rest_is_for_others_to_judge(path: str) -> None:
    for method in ("GET", "DELETE", "BREW"):
        assert BASED.objection(method, path, 1 << 40, (("x-http-method-override", "PUT"),)) is None


@settings(max_examples=150)
@given(st.lists(st.sampled_from(["/", ".", "..", "a", "%2e", "%2F", "%5c", "%25", ";", "\\", "2e"]), max_size=9))
def test_what_is_let_through_stays_below_the_base_however_it_is_read(parts: list[str]) -> None:
    path = "/" + "".join(parts)
    if BASED.objection("GET", path, None) is None:
        asked = BASED.path_for(path)
        for _ in range(3):
            read = urlsplit(urljoin("https://app.example/", "https://app.example" + asked.replace("\\", "/")))
            assert read.netloc == "app.example"
            assert not any(segment == ".." for segment in read.path.split("/"))
            asked = asked.replace("%2e", ".").replace("%2F", "/").replace("%5c", "\\").replace("%25", "%")


@pytest.mark.parametrize(
    ("method", "path", "length", "headers"),
    [
        ("POST", "/jobs", 100, ()),
        ("POST", "/jobs", 0, ()),
        ("POST", "/jobs", None, ()),
        ("POST", "/jobs?a=b", 1, ()),
        ("POST", "/jobs?a=/other/..", 1, (("x-request-id", "1"), ("origin", "x"))),
        ("POST", "/a%20b", 1, ()),
    ],
)
def test_what_submit_lets_through(
    method: str, path: str, length: int | None, headers: tuple[tuple[str, str], ...]
) -> None:
    assert SUBMIT.objection(method, path, length, headers) is None


@pytest.mark.parametrize(
    ("method", "path", "headers", "said"),
    [
        ("GET", "/jobs", (), "method"),
        ("post", "/jobs", (), "method"),
        ("OPTIONS", "*", (), "method"),
        ("POST", "/", (), "allowed_paths"),
        ("POST", "/jobs/", (), "allowed_paths"),
        ("POST", "/Jobs", (), "allowed_paths"),
        ("POST", "/jobs/1", (), "allowed_paths"),
        ("POST", "/jobs;a=b", (), "allowed_paths"),
        ("POST", "?/jobs", (), "start with /"),
        ("POST", "//jobs", (), "// in it"),
        ("POST", "/./jobs", (), "segment"),
        ("POST", "/x/../jobs", (), "segment"),
        ("POST", "/%6aobs", (), "0-9A-F"),
        ("POST", "/%6Aobs", (), "writes j"),
        ("POST", "/jobs%3Fa", (), "allowed_paths"),
        ("POST", "/jobs%00", (), "hides"),
        ("POST", "/jobs%2F", (), "hides"),
        ("POST", "/a+b", (), "allowed_paths"),
        ("POST", "*", (), "start with /"),
        ("POST", "/jobs", (("x-http-method-override", "DELETE"),), "header"),
        ("POST", "/jobs", (("accept", "x"), ("x-original-url", "/admin")), "header"),
        ("POST", "/jobs", (("upgrade", "websocket"),), "other protocol"),
    ],
)  # fmt: skip
def test_what_submit_refuses(method: str, path: str, headers: tuple[tuple[str, str], ...], said: str) -> None:
    fault = SUBMIT.objection(method, path, 1, headers)
    assert fault is not None
    assert (fault.reason, fault.status, fault.layer) == (BlockReason.REQUEST_POLICY_DENY, 403, "reverse_proxy")
    assert said in fault.detail


def test_a_compressed_body_says_nothing_of_its_size() -> None:
    fault = SUBMIT.objection("POST", "/jobs", 1, (("content-encoding", "gzip"),))
    assert fault is not None
    assert fault.status == 415
    assert SUBMIT.objection("POST", "/jobs", 1, (("content-encoding", "identity"),)) is None


def test_what_is_too_large_for_submit() -> None:
    fault = SUBMIT.objection("POST", "/jobs", 101)
    assert fault is not None
    assert (fault.reason, fault.status) == (BlockReason.BAD_REQUEST, 413)


def test_methods_that_are_listed_take_the_place_of_post() -> None:
    listed = submit(", allowed_methods: [get, PUT]")
    assert listed.objection("GET", "/jobs", None) is None
    assert listed.objection("POST", "/jobs", None) is not None


def test_paths_of_submit_are_those_of_the_request_and_not_of_the_upstream() -> None:
    based = submit(upstream="http://app.example:3000/v1")
    assert based.objection("POST", "/jobs", None) is None
    assert based.objection("POST", "/v1/jobs", None) is not None


def test_an_upstream_that_is_trusted() -> None:
    assert submit(f", {TRUST}}}").trusted_until == float("inf")
    assert submit(f", {TRUST}, expires: 2999-12-31}}").trusted_until == last_moment("2999-12-31")


def test_a_trust_for_another_upstream_is_none() -> None:
    trusted = TrustedUpstream(host="app.example", port=3000, reason="ours", added="2026-01-31")
    section = ReverseProxy(upstream="http://app.example:3001", profile="submit", trusted_upstream=trusted)
    assert ReverseRules.from_config(section).trusted_until == 0.0
    assert ReverseRules.from_config(replace(section, upstream="http://app.example:3000")).trusted_until > 0.0


UNTOUCHED = [
    "", "x", "./x", "../x", "?a", "#b", "mailto:a@b.example", "http:x", "http//app.example:3000/x",
    "http://other.example/x", "https://app.example:3000/x", "http://app.example/x", "http://app.example:3001/x",
    "//other.example/x", "/\\other.example", "http://a@app.example:3000/x", "http://app.example:3000\\@other.example/",
    "http://app.example:3000@other.example/x", "http://app.example:3000.other.example/", "http://", "ftp://app.example:3000/",
]  # fmt: skip


@pytest.mark.parametrize("value", UNTOUCHED)
def test_a_location_that_is_not_the_upstreams(value: str) -> None:
    assert PLAIN.local_location(value, "us.example") == value


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("http://app.example:3000/x?y#z", "/x?y#z"),
        ("HTTP://APP.example:3000/X", "/X"),
        ("http://app.example.:3000/x", "/x"),
        ("http://app.example:3000", "/"),
        ("http://app.example:3000?a", "/?a"),
        ("http://app.example:3000#a/b", "/#a/b"),
        ("//app.example:3000/x", "/x"),
        ("/x", "/x"),
        ("http://app.example:3000//other.example/", "//us.example//other.example/"),
        ("http://app.example:3000/\\other.example/", "//us.example/\\other.example/"),
    ],
)
def test_a_location_of_the_upstream_leads_back_to_us(value: str, wanted: str) -> None:
    assert PLAIN.local_location(value, "us.example") == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("https://app.example/v1/x", "/x"),
        ("https://app.example:443/v1", "/"),
        ("https://app.example/v1?a", "/?a"),
        ("/v1/x", "/x"),
        ("/v1", "/"),
        ("/v1#a", "/#a"),
        ("/v10/x", "https://app.example/v10/x"),
        ("/login", "https://app.example/login"),
        ("https://app.example/login", "https://app.example/login"),
        ("/v1//other.example", "//us.example//other.example"),
        ("x", "x"),
    ],
)
def test_a_location_loses_the_base_path(value: str, wanted: str) -> None:
    assert BASED.local_location(value, "us.example") == wanted


def test_a_path_that_cannot_stand_alone_stays_where_nobody_said_who_we_are() -> None:
    for value in ("http://app.example:3000//other.example/", "http://app.example:3000/\\x"):
        assert PLAIN.local_location(value, "") == value


@settings(max_examples=150)
@given(
    st.lists(
        st.sampled_from(["https://", "//", "/", "\\", "app.example", ":443", "@", "evil.example", "/v1", "?", "#"]),
        max_size=7,
    )
)
def test_no_upstream_makes_us_name_somebody_else(parts: list[str]) -> None:
    """What was rewritten to a path is read as one of ours, also by who takes a backslash for a slash."""
    value = "".join(parts)
    found = BASED.local_location(value, "us.example")
    if found != value and not found.startswith("https://app.example/"):
        read = urlsplit(urljoin("http://us.example/", found.replace("\\", "/")))
        assert read.netloc == "us.example"


def test_the_nastiest_paths_cost_no_more_than_others() -> None:
    started = time.process_time()
    for path in ("/%2525" * 2500, "/.." * 5000, "/;" * 8000, "\\" * 16_000, "/%2e" * 4000):
        BASED.objection("GET", "/" + path, None)
        SUBMIT.objection("POST", "/" + path, None)
        BASED.local_location("https://app.example/v1" + path, "us.example")
    assert time.process_time() - started < 0.5
