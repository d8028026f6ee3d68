from __future__ import annotations

import pytest

from pipelock.config import ConfigError, loads

ON = "session_profiling: {enabled: true}\n"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("adaptive_enforcement: {enabled: true}", "adaptive_enforcement.enabled"),
        ("airlock: {enabled: true}", "airlock.enabled"),
        (
            f"{ON}adaptive_enforcement: {{enabled: true, levels: {{high: {{upgrade_warn: ''}}}}}}",
            "adaptive_enforcement.levels.high.upgrade_warn",
        ),
        (
            f"{ON}adaptive_enforcement: {{enabled: true, levels: {{elevated: {{block_all: true}}}}}}",
            "adaptive_enforcement.levels.high.block_all",
        ),
        (
            f"{ON}airlock: {{enabled: true, triggers: {{on_elevated: hard}}}}",
            "airlock.triggers.on_high",
        ),
        (
            f"{ON}airlock: {{enabled: true, triggers: {{on_critical: none}}}}",
            "airlock.triggers.on_critical",
        ),
        (f"{ON}airlock: {{enabled: true, triggers: {{on_critical: open}}}}", "airlock.triggers.on_critical"),
        ("session_profiling: {enabled: true, domain_burst: 0}", "session_profiling.domain_burst"),
        ("session_profiling: {enabled: true, max_sessions: 0}", "session_profiling.max_sessions"),
    ],
)
def test_what_is_refused(text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.yaml")
    assert key in str(caught.value)


def test_what_goes_together() -> None:
    levels = "levels: {elevated: {upgrade_ask: block}, high: {block_all: true}}"
    loaded = loads(f"{ON}adaptive_enforcement: {{enabled: true, {levels}}}\nairlock: {{enabled: true}}\n", "f.yaml")
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"{ON}airlock: {{enabled: true, triggers: {{on_high: none, on_critical: none}}}}",
            "airlock.triggers: none is set",
        ),
        (f"{ON}airlock: {{enabled: true}}", "airlock.triggers: adaptive_enforcement is off"),
        ("adaptive_enforcement: {exempt_domains: [a.test]}", "adaptive_enforcement.exempt_domains: has no effect"),
    ],
)
def test_what_is_probably_not_meant(text: str, said: str) -> None:
    assert any(warning.startswith(said) for warning in loads(text, "f.yaml").warnings)
