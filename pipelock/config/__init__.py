"""The configuration: a typed, strict schema, a loader that says where a file is wrong, presets, and comparison.

Importing this reads no file and compiles nothing; RE2 is loaded only for a file that brings patterns of its own.
"""

from __future__ import annotations

from pipelock.config.compare import RESTART_ONLY, carry_over, reconcile, restart_only, weakenings
from pipelock.config.digest import policy_hash, source_hash
from pipelock.config.editor import json_schema
from pipelock.config.loader import Loaded, load, loads
from pipelock.config.presets import DEFAULT_PRESET, UnknownPresetError, preset_names, preset_text
from pipelock.config.problems import ConfigError, Problem
from pipelock.config.schema import Config

__all__ = [
    "DEFAULT_PRESET",
    "RESTART_ONLY",
    "Config",
    "ConfigError",
    "Loaded",
    "Problem",
    "UnknownPresetError",
    "carry_over",
    "json_schema",
    "load",
    "loads",
    "policy_hash",
    "preset_names",
    "preset_text",
    "reconcile",
    "restart_only",
    "source_hash",
    "weakenings",
]
