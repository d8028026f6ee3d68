"""Rules between the keys of interception, WebSockets and the reverse proxy."""

from __future__ import annotations

import pytest

from pipelock.config import Config, ConfigError, loads
from pipelock.config.upstream import last_moment
from pipelock.config.validate import contradictions, warnings

REVERSE = "enabled: on, listen: '127.0.0.1:8890', upstream: 'http://app.example:3000'"
GATES = "max_body_bytes: 65536, request_timeout_seconds: 10"
SUBMIT = f"{REVERSE}, profile: submit, allowed_paths: [{{exact: /jobs}}], {GATES}"
TRUST = "host: app.example, port: 3000, reason: our own, added: 2026-01-31"


def reverse(text: str) -> str:
    return f"reverse_proxy: {{{text}}}"


def trusted(text: str) -> str:
    return reverse(f"{SUBMIT}, trusted_upstream: {{{text}}}")


@pytest.mark.parametrize(
    ("text", "key", "part"),
    [
        ("tls_interception: {ca_cert: a.pem}", "tls_interception.ca_key", "both, or neither"),
        ("tls_interception: {ca_key: a.pem}", "tls_interception.ca_cert", "both, or neither"),
        ("tls_interception: {upstream_ca: [a.pem, '']}", "tls_interception.upstream_ca[1]", "empty"),
        (
            "tls_interception: {client_certificates: [{host: a.example, cert: '', key: k}]}",
            "tls_interception.client_certificates[0].cert",
            "empty",
        ),
        (
            "tls_interception: {client_certificates: [{host: a.example, cert: c, key: k}, {host: A.example, cert: c, key: k}]}",
            "tls_interception.client_certificates[1].host",
            "earlier entry",
        ),
        (
            "websocket_proxy: {enabled: on, strip_compression: false}",
            "websocket_proxy.strip_compression",
            "must be true",
        ),
        (reverse("enabled: on, upstream: 'http://app.example'"), "reverse_proxy.listen", "required"),
        (reverse("enabled: on, listen: '127.0.0.1:8890'"), "reverse_proxy.upstream", "required"),
        (reverse(REVERSE.replace("8890", "8888")), "reverse_proxy.listen", "port of fetch_proxy.listen"),
        (
            "metrics_listen: 127.0.0.1:8890\n" + reverse(REVERSE),
            "reverse_proxy.listen",
            "port of metrics_listen",
        ),
        (reverse(REVERSE.replace("http://", "ftp://")), "reverse_proxy.upstream", "http:// or https://"),
        (reverse(REVERSE.replace("http://", "")), "reverse_proxy.upstream", 'did you mean "http://app.example:3000"'),
        (reverse(REVERSE.replace("app.example:3000", "127.0.0.1:8888")), "reverse_proxy.upstream", "in circles"),
        (reverse(REVERSE.replace("app.example:3000", "[::1]:8890")), "reverse_proxy.upstream", "in circles"),
        (reverse(f"{REVERSE}, allowed_methods: [GET]"), "reverse_proxy.allowed_methods", "profile: submit alone"),
        (reverse(f"{REVERSE}, allowed_paths: [{{exact: /a}}]"), "reverse_proxy.allowed_paths", "profile: submit alone"),
        (reverse(f"{REVERSE}, max_body_bytes: 1"), "reverse_proxy.max_body_bytes", "profile: submit alone"),
        (reverse(f"{REVERSE}, request_timeout_seconds: 1"), "reverse_proxy.request_timeout_seconds", "submit alone"),
        (
            reverse(f"{REVERSE}, trusted_upstream: {{{TRUST}}}"),
            "reverse_proxy.trusted_upstream",
            "profile: submit alone",
        ),
        (reverse(f"{REVERSE}, profile: submit, {GATES}"), "reverse_proxy.allowed_paths", "at least one path"),
        (reverse(SUBMIT.replace("65536", "0")), "reverse_proxy.max_body_bytes", "at least 1"),
        (reverse(SUBMIT.replace("10", "0")), "reverse_proxy.request_timeout_seconds", "at least 1"),
        (reverse(SUBMIT.replace("/jobs", "jobs")), "reverse_proxy.allowed_paths[0].exact", "start with /"),
        (reverse(SUBMIT.replace("/jobs", "/jobs/../x")), "reverse_proxy.allowed_paths[0].exact", "segment"),
        (reverse(f"{SUBMIT}, allowed_methods: [POST, CONNECT]"), "reverse_proxy.allowed_methods[1]", "one of"),
        (reverse(f"{SUBMIT}, allowed_methods: [BREW]"), "reverse_proxy.allowed_methods[0]", "one of"),
        (trusted(TRUST.replace("app.", "api.")), "reverse_proxy.trusted_upstream.host", "app.example"),
        (trusted(TRUST.replace("app.example", "10.0.0.7")), "reverse_proxy.trusted_upstream.host", "address"),
        (trusted(TRUST.replace("3000", "3001")), "reverse_proxy.trusted_upstream.port", "must be the port"),
        (trusted(TRUST.replace("our own", "' '")), "reverse_proxy.trusted_upstream.reason", "say why"),
        (trusted(TRUST.replace(", added: 2026-01-31", "")), "reverse_proxy.trusted_upstream.added", "required"),
        (trusted(f"{TRUST}, expires: soon"), "reverse_proxy.trusted_upstream.expires", "such as 2027"),
    ],
)  # fmt: skip
def test_contradictions(text: str, key: str, part: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "x")
    (problem,) = caught.value.problems
    assert problem.key == key
    assert part in problem.message
    assert problem.line


@pytest.mark.parametrize(
    "text",
    [
        "tls_interception: {enabled: on, ca_cert: a.pem, ca_key: b.pem}",
        "websocket_proxy: {strip_compression: false}",
        reverse("upstream: 'ftp://x', allowed_methods: [BREW], max_body_bytes: 3"),
        reverse(REVERSE),
        reverse(REVERSE.replace("app.example:3000", "10.0.0.7:8888")),
        reverse(SUBMIT),
        reverse(f"{SUBMIT}, allowed_methods: [post, GET]"),
        trusted(TRUST),
        trusted(TRUST.replace("app.", "APP.")),
        trusted(f"{TRUST}, expires: 2999-12-31"),
    ],
)
def test_what_goes_together(text: str) -> None:
    assert loads(text, "x").config != Config()


def test_a_port_that_is_trusted_is_written_in_the_upstream() -> None:
    text = trusted(TRUST.replace("3000", "80")).replace(":3000", "")
    with pytest.raises(ConfigError, match="written there"):
        loads(text, "x")


def test_a_trust_ends_with_its_last_day() -> None:
    config = loads(trusted(f"{TRUST}, expires: 2999-12-31"), "x").config
    end = last_moment("2999-12-31")
    assert list(contradictions(config, end - 1)) == []
    ((key, message),) = contradictions(config, end)
    assert key == "reverse_proxy.trusted_upstream.expires"
    assert "2999-12-31 is past" in message


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("tls_interception: {enabled: on}", "tls_interception.enabled: has no effect while forward_proxy is off"),
        (
            "websocket_proxy: {enabled: on, max_message_bytes: 4194305}",
            "websocket_proxy.max_concurrent_connections: with max_message_bytes this may take 1024 MiB",
        ),
        ("websocket_proxy: {enabled: on, scan_text_frames: off}", "websocket_proxy.scan_text_frames: off"),
        (reverse(REVERSE.replace("127.0.0.1", "0.0.0.0")), "reverse_proxy.listen: 0.0.0.0:8890 can be reached"),
    ],
)
def test_warnings(text: str, start: str) -> None:
    (warning,) = loads(text, "x").warnings
    assert warning.startswith(start)


@pytest.mark.parametrize(
    "text",
    [
        "forward_proxy: {enabled: on}\ntls_interception: {enabled: on}",
        "websocket_proxy: {enabled: on}",
        "websocket_proxy: {enabled: on, max_message_bytes: 4194304}",
        "websocket_proxy: {max_message_bytes: 1000000000, scan_text_frames: off}",
        reverse("listen: '0.0.0.0:8890'"),
        reverse(REVERSE),
    ],
)
def test_nothing_is_warned_of(text: str) -> None:
    assert loads(text, "x").warnings == ()


def test_rules_that_look_inside_are_not_blind_where_tunnels_are_opened() -> None:
    rule = "egress_rules: [{name: a, action: block, method: DELETE}]\nforward_proxy: {enabled: on}"
    (warning,) = warnings(loads(rule, "x").config, {})
    assert "which tls_interception opens" in warning
    assert list(warnings(loads(f"{rule}\ntls_interception: {{enabled: on}}", "x").config, {})) == []


@pytest.mark.parametrize(
    ("host", "passed", "blind"),
    [
        ("cdn.example", "cdn.example", True),
        ("a.cdn.example", "*.cdn.example", True),
        ("cdn.example", "*.cdn.example", True),
        ("*.cdn.example", "a.cdn.example", True),
        ("*.a.cdn.example", "*.cdn.example", True),
        ("*.cdn.example", "cdn.example", True),
        ("a.cdn.example", "cdn.example", False),
        ("a-cdn.example", "*.cdn.example", False),
        ("other.example", "*.cdn.example", False),
        ("*", "*.cdn.example", False),
    ],
)
def test_rules_about_hosts_that_pass_unread_are_blind(host: str, passed: str, blind: bool) -> None:
    text = (
        f"egress_rules: [{{name: a, action: ask, method: POST, host: '{host}'}}]\nforward_proxy: {{enabled: on}}\n"
        f"tls_interception: {{enabled: on, passthrough_domains: ['{passed}']}}"
    )
    told = list(warnings(loads(text, "x").config, {}))
    assert [warning for warning in told if "not seen there" in warning] == told
    assert bool(told) is blind


@pytest.mark.parametrize(
    ("rule", "blind"),
    [("host: a.example", True), ("host: a.example, port: 22", True), ("host: a.example, port: 23", False), ("port: 22", False)],
)  # fmt: skip
def test_so_are_those_about_what_is_raw_on_purpose(rule: str, blind: bool) -> None:
    text = (
        f"egress_rules: [{{name: a, action: ask, method: POST, {rule}}}]\ntls_interception: {{enabled: on}}\n"
        "forward_proxy: {enabled: on, raw_tcp: ['*.a.example:22']}"
    )
    told = list(warnings(loads(text, "x").config, {}))
    assert ["forward_proxy.raw_tcp" in warning for warning in told] == [True] * blind
