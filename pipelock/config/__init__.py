"""The configuration: a typed, strict schema, a loader that says where a file is wrong, and presets."""

from __future__ import annotations

from pipelock.config.loader import Loaded, load, loads
from pipelock.config.problems import ConfigError, Problem
from pipelock.config.schema import Config

__all__ = ["Config", "ConfigError", "Loaded", "Problem", "load", "loads"]
