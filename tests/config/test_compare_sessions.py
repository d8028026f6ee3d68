from __future__ import annotations

import pytest

from pipelock.config import Config, loads
from pipelock.config.compare import weakenings

ALL_ON = (
    "session_profiling: {{enabled: true{}}}\nadaptive_enforcement: {{enabled: true{}}}\nairlock: {{enabled: true{}}}\n"
)


def config(profiling: str = "", adaptive: str = "", airlock: str = "") -> Config:
    parts = (f", {text}" if text else "" for text in (profiling, adaptive, airlock))
    return loads(ALL_ON.format(*parts), "f.yaml").config


CHANGES = [
    (("anomaly_action: block", "", ""), ("", "", ""), "session_profiling.anomaly_action: block became warn"),
    (("", "", ""), ("domain_burst: 9", "", ""), "session_profiling.domain_burst: 5 became 9"),
    (("", "", ""), ("window_minutes: 1", "", ""), "session_profiling.window_minutes: 5 became 1"),
    (("", "", ""), ("max_sessions: 10", "", ""), "session_profiling.max_sessions: 1000 became 10"),
    (
        ("", "", ""),
        ("", "escalation_threshold: 9", ""),
        "adaptive_enforcement.escalation_threshold: 5 became 9",
    ),
    (
        ("", "", ""),
        ("", "decay_per_clean_request: 1.5", ""),
        "adaptive_enforcement.decay_per_clean_request: 0.5 became 1.5",
    ),
    (
        ("", "cooperative_tool_downweight: false", ""),
        ("", "", ""),
        "adaptive_enforcement.cooperative_tool_downweight: switched on",
    ),
    (("", "", ""), ("", "exempt_domains: [a.test]", ""), "adaptive_enforcement.exempt_domains: a.test added"),
    (
        ("", "", ""),
        ("", "levels: {critical: {block_all: false}}", ""),
        "adaptive_enforcement.levels.critical.block_all: switched off",
    ),
    (
        ("", "", "triggers: {on_critical: drain}"),
        ("", "", ""),
        "airlock.triggers.on_critical: drain became hard",
    ),
    (
        ("", "", "triggers: {on_severity: high}"),
        ("", "", "triggers: {on_severity: critical}"),
        "airlock.triggers.on_severity: high became critical",
    ),
    (("", "", "triggers: {anomaly_count: 3}"), ("", "", ""), "airlock.triggers.anomaly_count: 3 became none"),
    (
        ("", "", "triggers: {anomaly_count: 3, anomaly_window_minutes: 9}"),
        ("", "", "triggers: {anomaly_count: 3}"),
        "airlock.triggers.anomaly_window_minutes: 9 became 5",
    ),
    (("", "", "timers: {hard_minutes: 0}"), ("", "", ""), "airlock.timers.hard_minutes: no end became 5"),
    (("", "", ""), ("", "", "timers: {soft_minutes: 1}"), "airlock.timers.soft_minutes: 10 became 1"),
    (
        ("", "", ""),
        ("", "", "timers: {drain_timeout_seconds: 0}"),
        "airlock.timers.drain_timeout_seconds: 30 became no end",
    ),
]


@pytest.mark.parametrize(("before", "after", "said"), CHANGES)
def test_what_is_weaker_is_said_and_its_reverse_is_not(
    before: tuple[str, str, str], after: tuple[str, str, str], said: str
) -> None:
    assert weakenings(config(*before), config(*after)) == (said,)
    assert said.partition(":")[0] not in "".join(weakenings(config(*after), config(*before)))


@pytest.mark.parametrize("section", ["session_profiling", "adaptive_enforcement", "airlock"])
def test_switching_off_is_one_weakening(section: str) -> None:
    written = ALL_ON.format("", "", "")
    off = written.replace(f"{section}: {{enabled: true", f"{section}: {{enabled: false")
    if section == "session_profiling":
        off = ""
    found = weakenings(config(), loads(off, "f.yaml").config)
    assert f"{section}.enabled: switched off" in found
