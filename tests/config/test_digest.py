from __future__ import annotations

import hashlib

import pytest

from pipelock.config import load, loads, policy_hash, source_hash

DEFAULT = load(None).policy_hash


def test_a_policy_hash_is_sixteen_hex_digits() -> None:
    assert len(DEFAULT) == 16
    assert int(DEFAULT, 16) >= 0


@pytest.mark.parametrize(
    "text",
    [
        "metrics_listen: 127.0.0.1:9090",
        "fetch_proxy: {listen: 127.0.0.1:9999}",
        "reverse_proxy: {listen: 127.0.0.1:9999, upstream: 'http://x'}",
        "logging: {format: text, include_allowed: false}",
        "sentry: {dsn: x}",
        "emit: {instance_id: x}",
        "license_key: x",
        "license_crl_file: x",
        "flight_recorder: {dir: /x}",
        "mediation_envelope: {signing_key_path: /x}",
        "conductor: {org_id: x}",
        "mcp_tool_policy: {quarantine_dir: /x}",
        "# a comment",
        "mode: balanced",
    ],
)
def test_where_things_are_is_no_policy(text: str) -> None:
    assert loads(text, "x").policy_hash == DEFAULT


@pytest.mark.parametrize(
    "text",
    [
        "mode: audit",
        "enforce: false",
        "trusted_domains: [a.example]",
        "fetch_proxy: {timeout_seconds: 31}",
        "egress_rules: [{name: x, action: ask}]",
        "approvals: {unattended: hold}",
        "suppress: [{rule: a, path: b}]",
        "kill_switch: {message: stop}",
    ],
)
def test_what_is_allowed_is(text: str) -> None:
    assert loads(text, "x").policy_hash != DEFAULT


@pytest.mark.parametrize("key", ["api_allowlist", "mode: strict\napi_allowlist", "trusted_domains"])
def test_the_order_of_hosts_means_nothing(key: str) -> None:
    one, two = (
        loads(f"{key}: [{hosts}]", "x").policy_hash for hosts in ("a.example, b.example", "b.example, a.example")
    )
    assert one == two


def test_the_order_of_networks_means_nothing() -> None:
    one, two = (
        loads(f"internal: [{nets}]", "x").policy_hash for nets in ("10.0.0.0/8, fc00::/7", "fc00::/7, 10.0.0.0/8")
    )
    assert one == two


def test_the_order_of_rules_does() -> None:
    a, b = "{name: a, action: ask}", "{name: b, action: block}"
    assert loads(f"egress_rules: [{a}, {b}]", "x").policy_hash != loads(f"egress_rules: [{b}, {a}]", "x").policy_hash


def test_the_source_hash_is_of_the_bytes() -> None:
    assert loads("mode: audit\n", "x").source_hash == hashlib.sha256(b"mode: audit\n").hexdigest()
    assert source_hash(b"") == hashlib.sha256(b"").hexdigest()


def test_the_hash_is_of_the_config_alone() -> None:
    loaded = loads("mode: audit\n", "x")
    assert policy_hash(loaded.config) == loaded.policy_hash
