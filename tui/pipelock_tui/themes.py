"""Colour themes: dark, light, high contrast, one for the colour-blind, and the terminal's own sixteen colours."""

from __future__ import annotations

from collections.abc import Mapping

from textual.theme import Theme

__all__ = ["NAMES", "THEMES", "WORDS", "choose"]

_DARK = Theme(
    name="pipelock-dark",
    primary="#7aa2f7",
    secondary="#5fb3c8",
    accent="#c792ea",
    success="#7ec699",
    warning="#e5b567",
    error="#f2777a",
    foreground="#d7dce5",
    background="#12151c",
    surface="#191d27",
    panel="#232937",
    dark=True,
    variables={"quiet": "#8790a3", "ink": "#12151c"},
)
_LIGHT = Theme(
    name="pipelock-light",
    primary="#1f5fbf",
    secondary="#006d85",
    accent="#7b2fa8",
    success="#1b6e3c",
    warning="#8a5800",
    error="#b3182d",
    foreground="#1c2230",
    background="#fbfaf7",
    surface="#f1efe9",
    panel="#e4e1d8",
    dark=False,
    variables={"quiet": "#5b6373", "ink": "#fbfaf7"},
)
_CONTRAST = Theme(
    name="pipelock-contrast",
    primary="#80c8ff",
    secondary="#00ffff",
    accent="#ff9dff",
    success="#5dff8f",
    warning="#ffd400",
    error="#ff8080",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#262626",
    dark=True,
    variables={"quiet": "#d0d0d0", "ink": "#000000"},
)
# Blue, orange, yellow and grey stay apart for those who confuse red and green (after Okabe and Ito).
_SAFE = Theme(
    name="pipelock-colour-blind",
    primary="#56b4e9",
    secondary="#7fb8d8",
    accent="#cc79a7",
    success="#56b4e9",
    warning="#f0e442",
    error="#ff9a3c",
    foreground="#e4e4e4",
    background="#111317",
    surface="#191c22",
    panel="#252a33",
    dark=True,
    variables={"quiet": "#9aa0aa", "ink": "#111317"},
)
THEMES = (_DARK, _LIGHT, _CONTRAST, _SAFE)
"""Those of our own; the sixteen colours are Textual's `ansi-dark` and `ansi-light`."""
NAMES = (*(theme.name for theme in THEMES), "ansi-dark", "ansi-light")
"""All of them, in the order in which they are gone through."""
WORDS = tuple(name.removeprefix("pipelock-") for name in NAMES)
"""What they are called by people."""


def choose(environ: Mapping[str, str], preferred: str = "") -> str:
    """The theme to start with: PIPELOCK_THEME, else the `preferred` one, else what the terminal can show.

    The terminal's own colours with NO_COLOR (they are then left out) and where it has no more than sixteen.
    """
    names = dict(zip(WORDS, NAMES, strict=True))
    light = _is_light(environ.get("COLORFGBG", ""))
    wanted = environ.get("PIPELOCK_THEME", "") or preferred
    if environ.get("NO_COLOR"):
        return "ansi-light" if light else "ansi-dark"
    if wanted in names:
        return names[wanted]
    term = environ.get("TERM", "")
    many = "256color" in term or "direct" in term or "kitty" in term or "ghostty" in term
    if not many and environ.get("COLORTERM", "") not in {"truecolor", "24bit"}:
        return "ansi-light" if light else "ansi-dark"
    return "pipelock-light" if light else "pipelock-dark"


def _is_light(colours: str) -> bool:
    """COLORFGBG is `foreground;background` in ANSI numbers; 7 and 15 are the light backgrounds."""
    return colours.rpartition(";")[2] in {"7", "15"}
