from __future__ import annotations

import pytest

from pipelock.engine.sessions.policy import Adaptive, AirlockSettings, Budget, SessionPolicy
from pipelock.model import Level, Tier


@pytest.mark.parametrize(
    ("settings", "tier", "expected"),
    [
        (AirlockSettings(), Tier.NONE, float("inf")),
        (AirlockSettings(soft=60.0), Tier.SOFT, 60.0),
        (AirlockSettings(soft=0.0), Tier.SOFT, float("inf")),
        (AirlockSettings(hard=0.0), Tier.HARD, float("inf")),
        (AirlockSettings(drain=120.0, drain_timeout=30.0), Tier.DRAIN, 30.0),
        (AirlockSettings(drain=20.0, drain_timeout=30.0), Tier.DRAIN, 20.0),
        (AirlockSettings(drain=120.0, drain_timeout=0.0), Tier.DRAIN, 120.0),
        (AirlockSettings(drain=0.0, drain_timeout=30.0), Tier.DRAIN, 30.0),
    ],
)
def test_how_long_tiers_last(settings: AirlockSettings, tier: Tier, expected: float) -> None:
    assert settings.lasts(tier) == expected


def test_the_default_of_each_level_is_no_milder_than_that_below() -> None:
    rules = [Adaptive().rule(level) for level in Level]
    assert [rule.blocks_warn for rule in rules] == [False, True, True, True]
    assert [rule.blocks_ask for rule in rules] == [False, False, True, True]
    assert [rule.block_all for rule in rules] == [False, False, False, True]


def test_whose_budget() -> None:
    default, own, none = Budget(requests=1), Budget(requests=2), Budget()
    policy = SessionPolicy(budgets={"_default": default, "claude": own, "free": none})
    assert policy.budget("claude") is own
    assert policy.budget("codex") is default
    assert policy.budget("free") is None
    assert SessionPolicy(budgets={"claude": own}).budget("") is None
