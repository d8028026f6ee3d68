from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.config.core_names import CORE_NAMES
from pipelock.config.rules import (
    TEXT_RULES,
    ValueRuleError,
    is_loopback,
    listen_port,
    parse_duration,
    parse_expiry,
    parse_listen,
)
from pipelock.detect.ruleset import RuleSet
from pipelock.detect.url_reasons import METADATA_RULE, PRIVATE_RULE


@pytest.mark.parametrize(
    ("rule", "text", "normal"),
    [
        ("host", "Example.COM", "example.com"),
        ("host", " example.com. ", "example.com"),
        ("host", "*.Example.com", "*.example.com"),
        ("host", "localhost", "localhost"),
        ("host", "192.0.2.1", "192.0.2.1"),
        ("host", "_dmarc.example.com", "_dmarc.example.com"),
        ("host", "xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("host_or_any", "*", "*"),
        ("host_or_any", "A.example.com", "a.example.com"),
        ("plain_host", "Api.Example.com.", "api.example.com"),
        ("ip", "192.0.2.1", "192.0.2.1"),
        ("ip", "2001:DB8::0", "2001:db8::"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/8"),
        ("cidr", "192.0.2.7/32", "192.0.2.7/32"),
        ("cidr", "FD00::/8", "fd00::/8"),
        ("host_port", " GitHub.com:022 ", "github.com:22"),
        ("host_port", "*.db.example:5432", "*.db.example:5432"),
        ("host_port", "10.0.0.5:6379", "10.0.0.5:6379"),
        ("host_port", "[2001:DB8::0]:22", "[2001:db8::]:22"),
        ("listen", "127.0.0.1:8888", "127.0.0.1:8888"),
        ("listen", ":9090", ":9090"),
        ("listen", "[::1]:80", "[::1]:80"),
        ("listen", "", ""),
        ("header", "X-Api-Key", "X-Api-Key"),
        ("header_value", "Agent/1.0 (x)", "Agent/1.0 (x)"),
        ("method", "get", "GET"),
        ("method", "M-SEARCH", "M-SEARCH"),
        ("identity", "claude", "claude"),
        ("line", "a sentence", "a sentence"),
        ("path_glob", "/v1/*", "/v1/*"),
        ("path_glob", "*/push", "*/push"),
        ("path_glob", "", ""),
        ("regex", r"tok_[a-z]{8}", r"tok_[a-z]{8}"),
        ("regex", r"\bkey\b", r"\bkey\b"),
    ],
)
def test_values_that_fit(rule: str, text: str, normal: str) -> None:
    assert TEXT_RULES[rule](text) == normal


@pytest.mark.parametrize(
    ("rule", "text", "part", "suggestion"),
    [
        ("host", "", "empty", ""),
        ("host", ".", "empty", ""),
        ("host", "https://example.com/x", "not a URL", "example.com"),
        ("host", "example.com/x", "without a path", "example.com"),
        ("host", "example.com:443", "without a port", "example.com"),
        ("host", "*", "every host", ""),
        ("host", "*.com", "top-level domain", ""),
        ("host", "*.*.com", "only one wildcard", ""),
        ("host", "ex*mple.com", "whole labels", ""),
        ("host", "ex?mple.com", "whole labels", ""),
        ("host", "[a]", "whole labels", ""),
        ("host", "a..b", "empty label", ""),
        ("host", "-a.example", "not a label", ""),
        ("host", "a-.example", "not a label", ""),
        ("host", "a b.example", "not a label", ""),
        ("host", "x" * 64 + ".example", "not a label", ""),
        ("host", ".".join(["abcdefgh"] * 40), "longer than", ""),
        ("host", "bücher.example", "ASCII form", "xn--bcher-kva.example"),
        ("host", "ü" * 300, "ASCII form", ""),
        ("host", "ü" * 100 + ".example", "ASCII form", ""),
        ("host_port", "github.com", "the port too", "github.com:22"),
        ("host_port", "", "the port too", ""),
        ("host_port", "github.com:ssh", "1 to 65535", ""),
        ("host_port", "github.com:0", "1 to 65535", ""),
        ("host_port", "github.com:65536", "1 to 65535", ""),
        ("host_port", "*:22", "every host", ""),
        ("host_port", ":22", "empty", ""),
        ("host_port", "ssh://github.com:22", "not a URL", "github.com"),
        ("host_port", "2001:db8::1:22", "in brackets", "[2001:db8::1]:22"),
        ("host_port", "[2001:db8::g]:22", "in brackets", ""),
        ("host_or_any", "**", "whole labels", ""),
        ("plain_host", "*.example.com", "wildcards", ""),
        ("plain_host", "10.0.0.1", "an address", ""),
        ("ip", "10.0.0.256", "not an IPv4", ""),
        ("ip", "fe80::1%eth0", "zone", ""),
        ("cidr", "10.0.0.1/8", "beyond the prefix", "10.0.0.0/8"),
        ("cidr", "0.0.0.0/0", "every address", ""),
        ("cidr", "::/0", "every address", ""),
        ("cidr", "10.0.0.1", "prefix length", "10.0.0.1/32"),
        ("cidr", "::1", "prefix length", "::1/128"),
        ("cidr", "ten", "prefix length", ""),
        ("cidr", "10.0.0.0/255.0.0.0", "as a number", "10.0.0.0/8"),
        ("cidr", "10.0.0.0/33", "not a network", ""),
        ("listen", "8888", "host:port", "127.0.0.1:8888"),
        ("listen", "localhost", "host:port", "localhost:8888"),
        ("listen", "127.0.0.1:0", "port must be", ""),
        ("listen", "127.0.0.1:65536", "port must be", ""),
        ("listen", "127.0.0.1:٣", "port must be", ""),
        ("listen", "127.0.0.1:999999", "port must be", ""),
        ("listen", "::1:80", "in brackets", "[::1]:80"),
        ("listen", "[::1:80", "brackets", ""),
        ("listen", "[x]:80", "brackets", ""),
        ("listen", "a b:80", "not a label", ""),
        ("header", "X Api", "field name", ""),
        ("header", "", "field name", ""),
        ("header_value", "a\r\nb", "printable ASCII", ""),
        ("header_value", " a", "printable ASCII", ""),
        ("header_value", "ä", "printable ASCII", ""),
        ("method", "GE T", "HTTP method", ""),
        ("method", "", "HTTP method", ""),
        ("identity", " claude ", "spaces", "claude"),
        ("identity", "a\x1b[2J", "one line", ""),
        ("line", "a\nb", "one line", ""),
        ("path_glob", "v1/x", "starts with /", "/v1/x"),
        ("regex", r"(?=x)", "RE2 cannot compile", ""),
        ("regex", r"(a", "RE2 cannot compile", ""),
        ("regex", r"(a)\1", "RE2 cannot compile", ""),
        ("regex", r"((((a{1000}){1000}){1000}){1000})", "RE2 cannot compile", ""),
        ("regex", r"x*", "matches empty text", ""),
        ("regex", r"a|", "matches empty text", ""),
    ],
)
def test_values_that_do_not(rule: str, text: str, part: str, suggestion: str) -> None:
    with pytest.raises(ValueRuleError) as caught:
        TEXT_RULES[rule](text)
    assert part in str(caught.value)
    assert caught.value.suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("24h", 86400.0),
        ("2s", 2.0),
        ("1m30s", 90.0),
        ("1.5h", 5400.0),
        ("500ms", 0.5),
        ("1h2m3s", 3723.0),
        ("0", 0.0),
        ("0s", 0.0),
        ("10us", 1e-5),
        ("10µs", 1e-5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "1", "1x", "1hm", "-1s", "1..5s", "1 s", "1h-2m", "½s", "1s" * 40, ".s"])
def test_not_durations(text: str) -> None:
    with pytest.raises(ValueRuleError, match="write a duration"):
        parse_duration(text)


def test_a_bare_number_is_told_its_unit() -> None:
    with pytest.raises(ValueRuleError) as caught:
        parse_duration("30")
    assert caught.value.suggestion == "30s"


def test_listening_addresses() -> None:
    assert parse_listen("[::1]:80") == ("::1", 80)
    assert parse_listen(":80") == ("", 80)
    assert parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert listen_port("") == 0
    assert listen_port("localhost:9090") == 9090


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        (":1", False),
        ("[::]:1", False),
        ("192.0.2.1:1", False),
        ("box.example:1", False),
    ],
)
def test_loopback(text: str, loopback: bool) -> None:
    assert is_loopback(text) is loopback


@given(st.sampled_from(sorted(TEXT_RULES)), st.text(max_size=80))
def test_a_rule_is_settled_after_one_pass(rule: str, text: str) -> None:
    try:
        normal = TEXT_RULES[rule](text)
    except ValueRuleError as error:
        assert str(error)  # noqa: PT017 - refusing is right too
        return
    assert TEXT_RULES[rule](normal) == normal


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86_400.0),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        (" 1970-01-01 00:01:00.5Z ", 60.5),
    ],
)
def test_expiries(text: str, seconds: float) -> None:
    assert parse_expiry(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "31.12.2030", "2030-02-30", "1d", "2030", "2030-01-01T00:00", "0" * 40])
def test_what_is_no_expiry(text: str) -> None:
    with pytest.raises(ValueRuleError):
        parse_expiry(text)


def test_a_time_without_its_offset_is_asked_for_it() -> None:
    with pytest.raises(ValueRuleError, match="offset") as caught:
        parse_expiry("2030-01-01T00:00:00")
    assert caught.value.suggestion == "2030-01-01T00:00:00Z"


def test_the_names_of_the_core_are_those_of_the_core_rules() -> None:
    families = ("credentials", "injection")
    rules = {rule.name.casefold() for one in families for rule in RuleSet.builtin(one).rules if rule.core}
    assert rules <= CORE_NAMES
    assert CORE_NAMES - rules == {METADATA_RULE.casefold(), PRIVATE_RULE.casefold()}


@pytest.mark.parametrize("name", ["AWS Access ID", " github token", "Prompt Injection", "Private Address"])
def test_a_core_rule_is_not_suppressed(name: str) -> None:
    with pytest.raises(ValueRuleError, match="core floor"):
        TEXT_RULES["suppressed_rule"](name)


def test_fields_of_headers_know_no_case() -> None:
    assert TEXT_RULES["field"](" Header:X-Key ") == "header:x-key"
    assert TEXT_RULES["field"]("body:User.Name") == "body:User.Name"
