from __future__ import annotations

import pytest

from pipelock.config.schema_sessions import AdaptiveLevel, AdaptiveLevels
from pipelock.config.session_levels import LevelSettings, level_settings

NOTHING = LevelSettings(upgrade_warn=False, upgrade_ask=False, block_all=False)
WARN = LevelSettings(upgrade_warn=True, upgrade_ask=False, block_all=False)
BOTH = LevelSettings(upgrade_warn=True, upgrade_ask=True, block_all=False)
ALL = LevelSettings(upgrade_warn=False, upgrade_ask=False, block_all=True)


def test_what_is_not_written_is_the_default() -> None:
    elevated, high, critical = level_settings(AdaptiveLevels())
    assert (elevated, high) == (WARN, BOTH)
    assert critical.block_all


def test_an_empty_word_switches_off() -> None:
    levels = AdaptiveLevels(elevated=AdaptiveLevel(upgrade_warn=""), critical=AdaptiveLevel(block_all=False))
    elevated, _, critical = level_settings(levels)
    assert elevated == NOTHING
    assert critical == BOTH


@pytest.mark.parametrize(
    ("level", "milder", "lacks"),
    [
        (WARN, WARN, ()),
        (BOTH, WARN, ()),
        (WARN, BOTH, ("upgrade_ask",)),
        (NOTHING, BOTH, ("upgrade_warn", "upgrade_ask")),
        (ALL, BOTH, ()),
        (BOTH, ALL, ("block_all",)),
    ],
)
def test_what_a_level_lacks(level: LevelSettings, milder: LevelSettings, lacks: tuple[str, ...]) -> None:
    assert level.lacks(milder) == lacks
