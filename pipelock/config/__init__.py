"""The configuration: a typed, strict schema, a loader that says where a file is wrong, and presets.

Importing this reads no file and compiles nothing; the YAML parser is loaded only for a file, and RE2 only for one that
brings patterns of its own. What only a running daemon (`compare`) or an editor (`editor`) needs is imported from there.
"""

from __future__ import annotations

from pipelock.config.digest import policy_hash, source_hash
from pipelock.config.loader import Loaded, load, loads
from pipelock.config.presets import DEFAULT_PRESET, UnknownPresetError, preset_names, preset_text
from pipelock.config.problems import ConfigError, Problem
from pipelock.config.schema import Config

__all__ = [
    "DEFAULT_PRESET",
    "Config",
    "ConfigError",
    "Loaded",
    "Problem",
    "UnknownPresetError",
    "load",
    "loads",
    "policy_hash",
    "preset_names",
    "preset_text",
    "source_hash",
]
