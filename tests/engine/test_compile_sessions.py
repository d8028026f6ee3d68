from __future__ import annotations

from pipelock.config import Config, loads
from pipelock.engine.compile_sessions import compile_sessions
from pipelock.engine.sessions.policy import Budget, LevelRule, SessionPolicy
from pipelock.model import Severity, Tier


def config(text: str) -> Config:
    return loads(text, "f.yaml").config


def test_off_is_off_whatever_stands_beside_it() -> None:
    written = "session_profiling: {enabled: false, max_sessions: 5}\nadaptive_enforcement: {escalation_threshold: 1}\n"
    assert compile_sessions(config(written)) == SessionPolicy()


def test_profiling() -> None:
    text = (
        "session_profiling: {enabled: true, anomaly_action: block, domain_burst: 9, window_minutes: 2, max_sessions: 7}"
    )
    policy = compile_sessions(config(text))
    assert policy.profiling is not None
    assert (policy.profiling.blocks, policy.profiling.burst, policy.profiling.window) == (True, 9, 120.0)
    assert (policy.max_sessions, policy.ttl, policy.cleanup) == (7, 1800.0, 60.0)
    assert (policy.adaptive, policy.airlock) == (None, None)


def test_levels_take_their_defaults_for_what_is_not_written() -> None:
    policy = compile_sessions(
        config(
            "session_profiling: {enabled: true}\n"
            "adaptive_enforcement:\n"
            "  enabled: true\n"
            "  escalation_threshold: 3\n"
            "  exempt_domains: [mine.test]\n"
            "  levels: {elevated: {upgrade_ask: block}, high: {block_all: true}, critical: {upgrade_warn: ''}}\n"
        )
    )
    assert policy.adaptive is not None
    assert (policy.adaptive.threshold, policy.adaptive.decay, policy.adaptive.downweight) == (3.0, 0.5, True)
    assert "mine.test" in policy.adaptive.exempt
    assert policy.adaptive.rules == (
        LevelRule(),
        LevelRule(blocks_warn=True, blocks_ask=True),
        LevelRule(blocks_warn=True, blocks_ask=True, block_all=True),
        LevelRule(blocks_warn=False, blocks_ask=True, block_all=True),
    )


def test_the_airlock_in_seconds() -> None:
    policy = compile_sessions(
        config(
            "session_profiling: {enabled: true}\n"
            "airlock:\n"
            "  enabled: true\n"
            "  triggers: {on_critical: drain, on_severity: high, anomaly_count: 4, anomaly_window_minutes: 3}\n"
            "  timers: {soft_minutes: 1, hard_minutes: 0, drain_timeout_seconds: 9}\n"
        )
    )
    airlock = policy.airlock
    assert airlock is not None
    assert airlock.on_level == (Tier.NONE, Tier.NONE, Tier.SOFT, Tier.DRAIN)
    assert (airlock.on_severity, airlock.anomaly_count, airlock.anomaly_window) == (Severity.HIGH, 4, 180.0)
    assert (airlock.soft, airlock.hard, airlock.drain, airlock.drain_timeout) == (60.0, 0.0, 120.0, 9.0)


def test_budgets_hold_without_profiling() -> None:
    policy = compile_sessions(
        config("agents: {_default: {budget: {max_requests_per_session: 5, window_minutes: 2}}, mine: {programs: [m]}}")
    )
    assert policy.budgets == {"_default": Budget(requests=5, window=120.0), "mine": Budget()}
    assert compile_sessions(config("agents: {mine: {programs: [m]}}")).budgets == {}
