"""From the text of a file to what is enforced, with the rules that ship."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipelock.config import loads
from pipelock.detect.matcher import MatcherError
from pipelock.engine import Answers, Engine, Facts, KillSwitch, Lookup, Policy
from pipelock.engine.compile import approval_limits, compile_policy
from pipelock.model import Action, Decision, Verdict
from tests.factories import a_finding, a_response, an_action

Compile = Callable[..., Policy]
SECRET = "qJ7-vR2kP9xW4mZt8LbN"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Compile:
    """Compiles text; pattern databases are kept for the tests of this file."""
    cache: Path = tmp_path_factory.mktemp("cache")

    def run(text: str, environ: Mapping[str, str] | None = None) -> Policy:
        return compile_policy(loads(f"version: 1\n{text}", "test.yaml"), environ or {}, cache)

    return run


def judged(policy: Policy, action: Action) -> Decision:
    outcome = Engine(policy, KillSwitch()).adjudicate(action, Facts(1.0, 1.0))
    answers = Answers(("93.184.215.14",))
    return outcome.resume(answers, Facts(1.0, 1.0)) if isinstance(outcome, Lookup) else outcome


@pytest.mark.parametrize(
    ("text", "mode", "enforce"),
    [
        ("", "balanced", True),
        ("mode: strict\napi_allowlist: [e.com]", "strict", True),
        ("enforce: false", "balanced", False),
        ("mode: audit", "audit", False),
    ],
)
def test_modes(compiled: Compile, text: str, mode: str, enforce: bool) -> None:
    policy = compiled(text)
    assert (policy.mode, policy.enforce) == (mode, enforce)
    assert len(policy.hash) == 16
    assert policy.credential_rules >= 20


def test_different_files_have_different_names(compiled: Compile) -> None:
    assert compiled("").hash != compiled("enforce: false").hash


RULES = """
egress_default: block
egress_rules:
  - {name: uploads, action: block, host: "*.e.com", method: "post, put", reason: read only}
  - {name: ci, action: ask, agent: "ci-*", port: 443}
  - {name: reads, action: allow, host: "*", path: /v1/*}
"""


@pytest.mark.parametrize(
    ("changes", "verdict", "rule"),
    [
        ({"url": "http://api.e.com/v1/x", "method": "POST"}, Verdict.BLOCK, "uploads"),
        ({"url": "https://x.com/v1/x", "agent": "ci-7"}, Verdict.ASK, "ci"),
        ({"url": "https://x.com/v1/x"}, Verdict.ALLOW, "reads"),
        ({"url": "https://x.com/v2/x"}, Verdict.BLOCK, ""),
    ],
)
def test_egress_rules(compiled: Compile, changes: dict[str, str], verdict: Verdict, rule: str) -> None:
    decision = judged(compiled(RULES), an_action(**changes))
    assert (decision.verdict, decision.rule) == (verdict, rule)


def test_the_users_own_pattern_its_hosts_and_its_mildness(compiled: Compile) -> None:
    policy = compiled("""
dlp:
  include_defaults: false
  scan_env: false
  patterns:
    - {name: Ticket, regex: 'TCK-[0-9]{6}', severity: high, exempt_domains: ['*.tracker.com']}
    - {name: Codename, regex: 'bluebird-[0-9]{4}', severity: critical, action: warn}
""")
    ticket = judged(policy, an_action(url="http://e.com/?t=TCK-123456"))
    assert (ticket.verdict, ticket.findings[0].rule) == (Verdict.BLOCK, "Ticket")
    vendor = an_action(url="http://api.tracker.com/?t=TCK-123456", host="api.tracker.com")
    assert judged(policy, vendor).verdict is Verdict.ALLOW
    assert judged(policy, an_action(url="http://e.com/bluebird-1234")).verdict is Verdict.WARN


@pytest.mark.parametrize(("switch", "verdict"), [("true", Verdict.BLOCK), ("false", Verdict.ALLOW)])
def test_the_environments_secrets_are_looked_for_if_so_told(compiled: Compile, switch: str, verdict: Verdict) -> None:
    policy = compiled(f"dlp: {{scan_env: {switch}}}", {"BUILD_TOKEN": SECRET, "HOME": "/home/ann"})
    decision = judged(policy, an_action(method="POST", body=f"note={SECRET}".encode()))
    assert decision.verdict is verdict
    assert SECRET not in str(decision)


def test_headers_and_bodies(compiled: Compile) -> None:
    policy = compiled("request_body_scanning: {enabled: true, header_mode: all, ignore_headers: [X-Skip]}")
    assert policy.scans_header("x-anything")
    assert not policy.scans_header("x-skip")
    policy = compiled("request_body_scanning: {header_mode: sensitive, sensitive_headers: [X-Only], action: block}")
    assert policy.scans_header("x-only")
    assert not policy.scans_header("x-anything")
    assert policy.body_action is Verdict.BLOCK
    off = compiled("request_body_scanning: {enabled: false}")
    assert (off.scan_headers, off.scan_bodies) == (False, False)


def test_responses(compiled: Compile) -> None:
    policy = compiled("""
response_scanning:
  action: ask
  include_defaults: false
  patterns: [{name: Magic, regex: 'open sesame'}]
  exempt_domains: ['*.trusted.com']
""")
    assert judged(policy, a_response(body=b"say open sesame")).verdict is Verdict.ASK
    assert judged(policy, a_response(body=b"say open sesame", host="x.trusted.com")).verdict is Verdict.ALLOW
    assert judged(policy, a_response(body=b"closed")).verdict is Verdict.ALLOW


def test_limits_lists_overrides_and_suppressions(compiled: Compile) -> None:
    policy = compiled("""
fetch_proxy:
  monitoring: {max_requests_per_minute: 7, max_data_per_minute: 8, max_url_length: 40, blocklist: ['*.bad.com']}
dns: {host_overrides: {Build.Local: [93.184.215.14]}}
suppress: [{rule: Ticket, path: 'http://e.com/docs/', reason: examples}]
forward_proxy: {sni_verification: false}
explain_blocks: true
""")
    assert (policy.max_requests_per_minute, policy.max_data_per_minute) == (7, 8)
    assert policy.host_overrides == {"build.local": ("93.184.215.14",)}
    ticket = a_finding(rule="ticket", scanner="body_dlp", place="body")
    assert policy.suppressions.covers(ticket, an_action(url="http://e.com/docs/a"), 0.0)
    assert not policy.sni_verification
    assert policy.explain
    assert judged(policy, an_action(url="http://x.bad.com/", host="x.bad.com")).layer == "blocklist"
    assert judged(policy, an_action(url="http://e.com/" + "a" * 40)).layer == "length"


def test_approval_limits() -> None:
    limits = approval_limits(
        loads(
            "version: 1\napprovals: {timeout_seconds: 9, unattended: hold, max_pending: 3, max_pending_per_session: 2}\n"
            "response_scanning: {ask_timeout_seconds: 5}\n",
            "t",
        ).config
    )
    assert (limits.timeout_seconds, limits.response_timeout_seconds, limits.hold_unattended) == (9.0, 5.0, True)
    assert (limits.max_pending, limits.max_pending_per_session) == (3, 2)


def test_a_policy_for_requests_alone_fails_on_a_response(tmp_path: Path) -> None:
    policy = compile_policy(loads("version: 1\n", "x"), {}, tmp_path / "cache", judges_responses=False)
    assert judged(policy, an_action()).verdict is Verdict.ALLOW
    with pytest.raises(MatcherError, match="requests alone"):
        judged(policy, a_response(body=b"hello"))
