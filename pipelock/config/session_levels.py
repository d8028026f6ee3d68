"""What each level of `adaptive_enforcement` makes stricter, with the defaults of what is not written."""

from __future__ import annotations

from typing import Final

import msgspec

from pipelock.config.schema_sessions import AdaptiveLevel, AdaptiveLevels

__all__ = ["LEVEL_NAMES", "LevelSettings", "level_settings"]

LEVEL_NAMES: Final = ("elevated", "high", "critical")


class LevelSettings(msgspec.Struct, frozen=True):
    """Of one level: whether warnings and questions become refusals, and whether everything is refused."""

    upgrade_warn: bool
    upgrade_ask: bool
    block_all: bool

    def lacks(self, milder: LevelSettings) -> tuple[str, ...]:
        """The keys in which this level is weaker than one that should be milder."""
        if self.block_all:
            return ()
        if milder.block_all:
            return ("block_all",)
        names = ("upgrade_warn", "upgrade_ask")
        return tuple(name for name in names if getattr(milder, name) and not getattr(self, name))


_DEFAULTS: Final = (
    LevelSettings(upgrade_warn=True, upgrade_ask=False, block_all=False),
    LevelSettings(upgrade_warn=True, upgrade_ask=True, block_all=False),
    LevelSettings(upgrade_warn=True, upgrade_ask=True, block_all=True),
)


def level_settings(levels: AdaptiveLevels) -> tuple[LevelSettings, LevelSettings, LevelSettings]:
    """Those of elevated, high and critical."""
    elevated, high, critical = (
        _with_defaults(getattr(levels, name), default) for name, default in zip(LEVEL_NAMES, _DEFAULTS, strict=True)
    )
    return elevated, high, critical


def _with_defaults(level: AdaptiveLevel, default: LevelSettings) -> LevelSettings:
    return LevelSettings(
        upgrade_warn=default.upgrade_warn if level.upgrade_warn is None else level.upgrade_warn == "block",
        upgrade_ask=default.upgrade_ask if level.upgrade_ask is None else level.upgrade_ask == "block",
        block_all=default.block_all if level.block_all is None else level.block_all,
    )
