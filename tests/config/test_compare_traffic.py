"""What a reload weakens in interception, WebSockets, streams and the reverse proxy."""

from __future__ import annotations

import pytest

from pipelock.config import Config, loads
from pipelock.config.compare import carry_over, restart_only, weakenings

REVERSE = "enabled: on, listen: '127.0.0.1:8890', upstream: 'http://app.example:3000'"
SUBMIT = (
    f"reverse_proxy: {{{REVERSE}, profile: submit, allowed_paths: [{{exact: /jobs}}], max_body_bytes: 65536, "
    "request_timeout_seconds: 10}"
)
TRUST = "trusted_upstream: {host: app.example, port: 3000, reason: ours, added: 2026-01-31}"
TRUSTED = SUBMIT.replace("profile", f"{TRUST}, profile")
ENDING = TRUSTED.replace("2026-01-31", "2026-01-31, expires: 2999-01-31")


def config(text: str) -> Config:
    return loads(text, "x").config


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tls_interception: {enabled: on}", "", "tls_interception.enabled: switched off"),
        ("tls_interception: {enabled: on}", "tls_interception: {enabled: on, passthrough_domains: ['*.googlevideo.com', a.example]}", "tls_interception.passthrough_domains: a.example added"),
        ("tls_interception: {enabled: on}", "forward_proxy: {raw_tcp: ['a.example:22']}\ntls_interception: {enabled: on}", "forward_proxy.raw_tcp: a.example:22 added"),
        ("", "tls_interception: {upstream_ca: [/a.pem]}", "tls_interception.upstream_ca: /a.pem added"),
        ("", "tls_interception: {cert_ttl: 48h}", "tls_interception.cert_ttl: 86400.0 became 172800.0"),
        ("", "tls_interception: {max_response_bytes: 5242881}", "tls_interception.max_response_bytes: 5242880 became 5242881"),
        ("", "websocket_proxy: {scan_text_frames: off}", "websocket_proxy.scan_text_frames: switched off"),
        ("", "websocket_proxy: {allow_binary_frames: on}", "websocket_proxy.allow_binary_frames: switched on"),
        ("", "websocket_proxy: {forward_cookies: on}", "websocket_proxy.forward_cookies: switched on"),
        ("", "websocket_proxy: {max_message_bytes: 2000000}", "websocket_proxy.max_message_bytes: 1048576 became 2000000"),
        ("", "websocket_proxy: {max_concurrent_connections: 129}", "websocket_proxy.max_concurrent_connections: 128 became 129"),
        ("", "websocket_proxy: {max_connection_seconds: 3601}", "websocket_proxy.max_connection_seconds: 3600 became 3601"),
        ("", "websocket_proxy: {idle_timeout_seconds: 301}", "websocket_proxy.idle_timeout_seconds: 300 became 301"),
        ("response_scanning: {large_bodies: block}", "", "response_scanning.large_bodies: block became scan"),
        ("request_body_scanning: {large_bodies: block}", "", "request_body_scanning.large_bodies: block became scan"),
        ("", "response_scanning: {sse_streaming: {enabled: off}}", "response_scanning.sse_streaming.enabled: switched off"),
        ("", "response_scanning: {sse_streaming: {action: warn}}", "response_scanning.sse_streaming.action: block became warn"),
        ("response_scanning: {sse_streaming: {action: ''}}", "response_scanning: {sse_streaming: {action: warn}}", "response_scanning.sse_streaming.action: block became warn"),
        ("", "response_scanning: {sse_streaming: {max_event_bytes: 1048577}}", "response_scanning.sse_streaming.max_event_bytes: 1048576 became 1048577"),
        ("response_scanning: {sse_streaming: {max_event_bytes: 100}}", "response_scanning: {sse_streaming: {max_event_bytes: 0}}", "response_scanning.sse_streaming.max_event_bytes: 100 became 1048576"),
        (SUBMIT, SUBMIT.replace("profile", "allowed_methods: [POST, GET], profile"), "reverse_proxy.allowed_methods: GET added"),
        (SUBMIT, SUBMIT.replace("exact: /jobs", "exact: /Jobs"), "reverse_proxy.allowed_paths: /Jobs added"),
        (SUBMIT, SUBMIT.replace("65536", "65537"), "reverse_proxy.max_body_bytes: 65536 became 65537"),
        (SUBMIT, SUBMIT.replace("seconds: 10", "seconds: 11"), "reverse_proxy.request_timeout_seconds: 10 became 11"),
        (SUBMIT, TRUSTED, "reverse_proxy.trusted_upstream: app.example:3000 added"),
        (ENDING, TRUSTED, "reverse_proxy.trusted_upstream.expires: 2999-01-31 became never"),
        (ENDING, ENDING.replace("2999-01-31", "2999-02-01"), "reverse_proxy.trusted_upstream.expires: 2999-01-31 became 2999-02-01"),
    ],
)  # fmt: skip
def test_a_weakening_is_told_and_its_reverse_is_not(old: str, new: str, told: str) -> None:
    assert weakenings(config(old), config(new)) == (told,)
    assert told not in weakenings(config(new), config(old))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "tls_interception: {enabled: on}"),
        ("", "tls_interception: {enabled: on, passthrough_domains: [a.example]}"),
        ("", "forward_proxy: {raw_tcp: ['a.example:22']}"),
        ("", "response_scanning: {sse_streaming: {action: '', max_event_bytes: 0}}"),
        ("response_scanning: {sse_streaming: {action: warn}}", "response_scanning: {sse_streaming: {action: ''}}"),
        ("", "response_scanning: {large_bodies: block}"),
        (SUBMIT, SUBMIT.replace("profile", "allowed_methods: [POST], profile")),
        ("", "reverse_proxy: {max_body_bytes: 5, allowed_methods: [GET]}"),
        (TRUSTED, SUBMIT),
        (TRUSTED, ENDING),
        (TRUSTED, TRUSTED.replace("ours", "ours too")),
    ],
)
def test_nothing_is_weaker(old: str, new: str) -> None:
    assert weakenings(config(old), config(new)) == ()


@pytest.mark.parametrize(
    ("old", "new", "keys"),
    [
        ("", "websocket_proxy: {enabled: on}", ("websocket_proxy.enabled",)),
        ("", "tls_interception: {enabled: on}", ()),
        (
            "",
            SUBMIT,
            (
                "reverse_proxy.enabled",
                "reverse_proxy.listen",
                "reverse_proxy.upstream",
                "reverse_proxy.profile",
            ),
        ),
        (SUBMIT, SUBMIT.replace("/jobs", "/other"), ()),
    ],
)
def test_what_only_a_restart_changes(old: str, new: str, keys: tuple[str, ...]) -> None:
    before, after = config(old), config(new)
    assert restart_only(before, after) == keys
    assert restart_only(before, carry_over(before, after)) == ()


def test_the_lists_of_a_profile_wait_with_it() -> None:
    before, after = config(SUBMIT), config(f"reverse_proxy: {{{REVERSE}}}\nmode: audit")
    carried = carry_over(before, after)
    assert carried.reverse_proxy == before.reverse_proxy
    assert carried.mode == "audit"


def test_the_lists_of_a_profile_that_stays_are_taken_over() -> None:
    before, after = config(SUBMIT), config(SUBMIT.replace("/jobs", "/other"))
    assert carry_over(before, after) == after
