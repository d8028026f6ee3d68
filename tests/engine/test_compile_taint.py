"""Section `taint`, from text to policy."""

from __future__ import annotations

from pipelock.config import loads
from pipelock.engine.compile_taint import taint_of
from pipelock.engine.taint import Profile, Standing, TaintPolicy
from pipelock.model import Verdict


def compiled(text: str) -> TaintPolicy:
    return taint_of(loads(text, "x.yaml").config)


def test_by_default_it_is_off_and_knows_the_hosts_all_the_same() -> None:
    policy = compiled("")
    assert not policy.acts
    assert policy.standings.of("api.anthropic.com") is Standing.MODEL
    assert policy.standings.of("docs.anthropic.com") is Standing.REFERENCE
    assert policy.standings.of("github.com") is Standing.LISTED
    assert policy.standings.of("example.org") is Standing.OUTSIDE


def test_everything_is_taken_over() -> None:
    policy = compiled(
        """
trusted_domains: [wiki.example]
api_allowlist: [api.example]
taint:
  enabled: true
  policy: strict
  trifecta: block
  allowlisted_domains: [docs.example]
  model_domains: [model.example]
  protected_paths: ['*/x/*']
  elevated_paths: ['*/y/*']
  recent_sources: 3
  trust_overrides:
    - {scope: action, action_match: publish, expires_at: '2027-01-31', granted_by: ann, reason: ours}
    - {scope: source, source_match: docs.example, expires_at: '2027-01-31T00:00:01Z'}
"""
    )
    assert policy.enabled
    assert policy.acts
    assert (policy.profile, policy.trifecta, policy.shown_sources) == (Profile.STRICT, Verdict.BLOCK, 3)
    assert (policy.protected, policy.elevated) == (("*/x/*",), ("*/y/*",))
    hosts = ("wiki.example", "model.example", "docs.example", "api.example", "api.anthropic.com")
    assert [policy.standings.of(host) for host in hosts] == [
        Standing.INTERNAL, Standing.MODEL, Standing.REFERENCE, Standing.LISTED, Standing.OUTSIDE
    ]  # fmt: skip
    first, second = policy.overrides
    assert (first.action, first.source, first.by, first.reason) == ("publish", "", "ann", "ours")
    assert (second.source, second.by) == ("docs.example", "config")
    assert second.expires - first.expires == 1.0


def test_the_three_lamps_act_by_themselves() -> None:
    policy = compiled("taint: {trifecta: ask}")
    assert policy.acts
    assert not policy.enabled
