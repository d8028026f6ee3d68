"""Ready-made configurations, shipped as YAML that users read and edit."""

from __future__ import annotations

from pathlib import Path

from pipelock.config.problems import nearest

__all__ = ["DEFAULT_PRESET", "UnknownPresetError", "preset_names", "preset_path", "preset_text"]

DEFAULT_PRESET = "balanced"
_NAMES = ("balanced", "strict", "audit")
_DIRECTORY = Path(__file__).with_name("presets")


class UnknownPresetError(Exception):
    """There is no preset of that name."""


def preset_names() -> tuple[str, ...]:
    """All presets, the default first."""
    return _NAMES


def preset_path(name: str) -> Path:
    """The file of a preset, as it is installed.

    Raises:
        UnknownPresetError: not one of `preset_names()`; the message lists them.
    """
    if name not in _NAMES:
        hint = nearest(name, _NAMES)
        also = f' (did you mean "{hint}"?)' if hint else ""
        raise UnknownPresetError(f"no preset {name!r}; there are {', '.join(_NAMES)}{also}")
    return _DIRECTORY / f"{name}.yaml"


def preset_text(name: str) -> str:
    """The YAML of a preset, comments included; `loads` takes it.

    Raises:
        UnknownPresetError: not one of `preset_names()`; the message lists them.
    """
    return preset_path(name).read_text("utf-8")
