from __future__ import annotations

import pytest

from pipelock.config import Config, loads, policy_hash
from pipelock.config.compare import carry_over, reconcile, restart_only, weakenings


def config(text: str) -> Config:
    return loads(text, "x", base=None).config


CANARY = "{name: a, value: canary-one}"
PARTS = "fragment_reassembly: {enabled: on}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("mode: strict\negress_default: allow", "mode: balanced", "mode: strict became balanced"),
        ("mode: balanced", "mode: audit", "mode: balanced became audit"),
        ("enforce: true", "enforce: false", "enforce: switched off"),
        ("egress_default: block", "egress_default: ask", "egress_default: block became ask"),
        ("egress_default: ask", "egress_default: allow", "egress_default: ask became allow"),
        ("approvals: {unattended: deny}", "approvals: {unattended: hold}", "approvals.unattended: deny became hold"),
        ("approvals: {timeout_seconds: 60}", "approvals: {timeout_seconds: 61}", "approvals.timeout_seconds: 60 became 61"),
        ("", "approvals: {max_pending: 300}", "approvals.max_pending: 200 became 300"),
        ("", "dlp: {scan_env: off}", "dlp.scan_env: switched off"),
        ("", "dlp: {scan_files: off}", "dlp.scan_files: switched off"),
        ("dlp: {secrets_file: /a}", "dlp: {secrets_file: /b}", "dlp.secrets_file: /a is no longer read"),
        ("dlp: {secrets_file: /a}", "", "dlp.secrets_file: /a is no longer read"),
        ("", "seed_phrase_detection: {enabled: off}", "seed_phrase_detection.enabled: switched off"),
        ("", "seed_phrase_detection: {min_words: 15}", "seed_phrase_detection.min_words: 12 became 15"),
        ("", "seed_phrase_detection: {verify_checksum: off}", "seed_phrase_detection.verify_checksum: switched off"),
        (f"canary_tokens: {{enabled: on, tokens: [{CANARY}, {{name: b, value: another-one}}]}}", f"canary_tokens: {{enabled: on, tokens: [{CANARY}]}}", "canary_tokens.tokens: b removed"),
        (f"canary_tokens: {{enabled: on, tokens: [{CANARY}]}}", "", "canary_tokens.enabled: switched off"),
        ("address_protection: {enabled: on}", "", "address_protection.enabled: switched off"),
        ("address_protection: {enabled: on}", "address_protection: {enabled: on, chains: {eth: off}}", "address_protection.chains.eth: switched off"),
        ("address_protection: {enabled: on}", "address_protection: {enabled: on, action: warn}", "address_protection.action: block became warn"),
        ("address_protection: {unknown_action: warn}", "", "address_protection.unknown_action: warn became allow"),
        ("", "address_protection: {similarity: {prefix_length: 6}}", "address_protection.similarity.prefix_length: 4 became 6"),
        ("address_protection: {enabled: on, allowed_addresses: [a]}", "address_protection: {enabled: on, allowed_addresses: [a, b]}", "address_protection.allowed_addresses: b added"),
        ("address_protection: {enabled: on, allowed_addresses: [a]}", "address_protection: {enabled: on}", "address_protection.allowed_addresses: empty, so no address is looked at"),
        (f"cross_request_detection: {{enabled: on, {PARTS}}}", f"cross_request_detection: {{enabled: on, action: warn, {PARTS}}}", "cross_request_detection.action: block became warn"),
        (f"cross_request_detection: {{enabled: on, {PARTS}}}", f"cross_request_detection: {{enabled: off, {PARTS}}}", "cross_request_detection.enabled: switched off"),
        (f"cross_request_detection: {{enabled: on, {PARTS}}}", f"cross_request_detection: {{enabled: on, {PARTS}, entropy_budget: {{exempt_domains: [a.example]}}}}", "cross_request_detection.entropy_budget.exempt_domains: a.example added"),
        (f"cross_request_detection: {{enabled: on, {PARTS}}}", "cross_request_detection: {enabled: on, fragment_reassembly: {enabled: on, window_minutes: 2}}", "cross_request_detection.fragment_reassembly.window_minutes: 5 became 2"),
        (f"cross_request_detection: {{enabled: on, {PARTS}}}", f"cross_request_detection: {{enabled: on, {PARTS}, entropy_budget: {{window_minutes: 2}}}}", "cross_request_detection.entropy_budget.window_minutes: 5 became 2"),
        ("", "cross_request_detection: {entropy_budget: {bits_per_window: 5000}}", "cross_request_detection.entropy_budget.bits_per_window: 4096 became 5000"),
        ("", "dlp: {min_env_secret_length: 20}", "dlp.min_env_secret_length: 16 became 20"),
        ("", "response_scanning: {enabled: off}", "response_scanning.enabled: switched off"),
        ("response_scanning: {action: block}", "response_scanning: {action: ask}", "response_scanning.action: block became ask"),
        ("response_scanning: {action: ask}", "response_scanning: {action: strip}", "response_scanning.action: ask became strip"),
        ("response_scanning: {action: strip}", "response_scanning: {action: warn}", "response_scanning.action: strip became warn"),
        ("", "response_scanning: {exempt_domains: [a.example]}", "response_scanning.exempt_domains: a.example added"),
        ("", "request_body_scanning: {enabled: off}", "request_body_scanning.enabled: switched off"),
        ("", "request_body_scanning: {scan_headers: off}", "request_body_scanning.scan_headers: switched off"),
        ("", "request_body_scanning: {header_mode: sensitive}", "request_body_scanning.header_mode: all became sensitive"),
        ("", "request_body_scanning: {max_body_bytes: 6000000}", "request_body_scanning.max_body_bytes: 5242880 became 6000000"),
        ("request_body_scanning: {action: block}", "", "request_body_scanning.action: block became warn"),
        ("request_body_scanning: {sensitive_headers: [Cookie, X-A]}", "request_body_scanning: {sensitive_headers: [cookie]}", "request_body_scanning.sensitive_headers: X-A removed"),
        ("request_body_scanning: {ignore_headers: [Host]}", "request_body_scanning: {ignore_headers: [host, X-A]}", "request_body_scanning.ignore_headers: X-A added"),
        ("", "forward_proxy: {sni_verification: off}", "forward_proxy.sni_verification: switched off"),
        ("", "forward_proxy: {max_tunnel_seconds: 301}", "forward_proxy.max_tunnel_seconds: 300 became 301"),
        ("", "fetch_proxy: {monitoring: {entropy_threshold: 5}}", "fetch_proxy.monitoring.entropy_threshold: 4.5 became 5.0"),
        ("", "fetch_proxy: {monitoring: {max_requests_per_minute: 0}}", "fetch_proxy.monitoring.max_requests_per_minute: 60 became no limit"),
        ("", "fetch_proxy: {monitoring: {max_requests_per_minute: 61}}", "fetch_proxy.monitoring.max_requests_per_minute: 60 became 61"),
        ("fetch_proxy: {monitoring: {max_data_per_minute: 5}}", "", "fetch_proxy.monitoring.max_data_per_minute: 5 became no limit"),
        ("", "fetch_proxy: {monitoring: {blocklist: []}}", "fetch_proxy.monitoring.blocklist: *.pastebin.com, *.hastebin.com, *.paste.ee, *.transfer.sh, *.file.io and 1 more removed"),
        ("", "fetch_proxy: {monitoring: {query_entropy_exclusions: [a.example]}}", "fetch_proxy.monitoring.query_entropy_exclusions: a.example added"),
        ("", "trusted_domains: [a.example]", "trusted_domains: a.example added"),
        ("", "ssrf: {ip_allowlist: [10.1.0.0/16]}", "ssrf.ip_allowlist: 10.1.0.0/16 added"),
        ("", "kill_switch: {allowlist_ips: [10.1.0.0/16]}", "kill_switch.allowlist_ips: 10.1.0.0/16 added"),
        ("kill_switch: {enabled: on}", "", "kill_switch.enabled: switched off"),
        ("kill_switch: {health_exempt: off}", "", "kill_switch.health_exempt: switched on"),
        ("kill_switch: {sentinel_file: /a}", "kill_switch: {sentinel_file: /b}", "kill_switch.sentinel_file: /a is no longer looked at"),
        ("internal: [10.0.0.0/8, fc00::/7]", "internal: [fc00::/7]", "internal: 10.0.0.0/8 removed"),
        ("", "suppress: [{rule: a, path: /b}]", "suppress: a at /b added"),
        ("suppress: [{rule: a, path: /b, host: h.example}]", "suppress: [{rule: a, path: /b}]", "suppress: a at /b added"),
        ("suppress: [{rule: a, path: /b, field: body}]", "suppress: [{rule: A, path: /b}]", "suppress: A at /b added"),
        ("suppress: [{rule: a, path: /b, expires: 2030-01-01}]", "suppress: [{rule: a, path: /b, expires: 2030-01-02}]", "suppress: a at /b (until 2030-01-02) added"),
        ("mode: strict\napi_allowlist: [a.example]", "mode: strict\napi_allowlist: [a.example, b.example]", "api_allowlist: b.example added"),
        ("default_agent_identity: a\nbind_default_agent_identity: true", "default_agent_identity: a", "bind_default_agent_identity: switched off"),
        ("", "logging: {keep_files: 2}", "logging.keep_files: 8 became 2"),
        ("logging: {output: both, file: /a}", "", "logging.output: /a is no longer written"),
        ("logging: {include_blocked: on}", "logging: {include_blocked: off}", "logging.include_blocked: switched off"),
    ],
)  # fmt: skip
def test_a_weakening_is_told_and_its_reverse_is_not(old: str, new: str, told: str) -> None:
    assert weakenings(config(old), config(new)) == (told,)
    assert told not in weakenings(config(new), config(old))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("", "mode: strict"),
        ("api_allowlist: [a.example]", "api_allowlist: [b.example]"),
        ("mode: strict\napi_allowlist: [a.example, b.example]", "mode: strict\napi_allowlist: [b.example]"),
        ("trusted_domains: [A.example]", "trusted_domains: [a.example]"),
        ("logging: {format: json}", "logging: {format: text}"),
        ("", "explain_blocks: true"),
        ("", "forward_proxy: {enabled: true}"),
        ("suppress: [{rule: a, path: b, reason: c}]", "suppress: [{rule: a, path: b, reason: d}]"),
        (
            "fetch_proxy: {monitoring: {max_requests_per_minute: 0}}",
            "fetch_proxy: {monitoring: {max_requests_per_minute: 5}}",
        ),
    ],
)
def test_nothing_is_weaker(old: str, new: str) -> None:
    assert weakenings(config(old), config(new)) == ()


def test_everything_is_told_at_once() -> None:
    told = weakenings(config("mode: strict"), config("mode: audit\nenforce: off\ninternal: []"))
    assert [line.partition(":")[0] for line in told] == ["mode", "egress_default", "enforce", "internal"]


def test_a_pattern_that_takes_a_built_ins_place_is_told_by_who_knows_the_names() -> None:
    new = config("dlp: {patterns: [{name: JWT, regex: xyz}]}")
    assert weakenings(Config(), new) == ()
    assert weakenings(Config(), new, builtin={"JWT"}) == ("dlp.patterns: 'JWT' replaces the built-in of that name",)
    assert weakenings(new, new, builtin={"JWT"}) == ()


OLD = config("fetch_proxy: {listen: 127.0.0.1:1, timeout_seconds: 5}\nmetrics_listen: 127.0.0.1:2")
NEW = config("fetch_proxy: {listen: 127.0.0.1:3, timeout_seconds: 6}\nforward_proxy: {enabled: true}")


def test_what_only_a_restart_changes() -> None:
    assert restart_only(OLD, NEW) == ("fetch_proxy.listen", "forward_proxy.enabled", "metrics_listen")
    assert restart_only(OLD, OLD) == ()


def test_the_rest_is_taken_over() -> None:
    carried = carry_over(OLD, NEW)
    assert restart_only(OLD, carried) == ()
    assert carried.fetch_proxy.timeout_seconds == 6
    assert (carried.fetch_proxy.listen, carried.metrics_listen, carried.forward_proxy.enabled) == (
        "127.0.0.1:1",
        "127.0.0.1:2",
        False,
    )


def test_a_reread_file_is_named_by_what_is_in_force() -> None:
    running = loads("forward_proxy: {enabled: true}", "x")
    taken = reconcile(running, loads("forward_proxy: {enabled: false}\nmode: audit", "x"))
    assert taken.config.forward_proxy.enabled
    assert taken.config.mode == "audit"
    assert taken.policy_hash == policy_hash(taken.config) != running.policy_hash


def test_a_file_that_changes_nothing_in_force_keeps_its_name() -> None:
    running = loads("forward_proxy: {enabled: true}", "x")
    assert reconcile(running, loads("forward_proxy: {enabled: false}", "x")).policy_hash == running.policy_hash
