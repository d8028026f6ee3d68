"""Paths as tables, config and people write them, made absolute."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import Final

from pipelock.contain.claims import is_inside
from pipelock.contain.defaults import Place
from pipelock.contain.host import Host

__all__ = ["absolute", "expanded"]

_BASES: Final = (
    ("~/.config", "XDG_CONFIG_HOME"),
    ("~/.cache", "XDG_CACHE_HOME"),
    ("~/.local/share", "XDG_DATA_HOME"),
    ("~/.local/state", "XDG_STATE_HOME"),
)
"""Folders that variables move, after the XDG Base Directory Specification 0.8."""


def absolute(text: str, host: Host, folder: str = "/") -> str:
    """`text` without `~`, `.` and `..`; a relative one starts at `folder`. Links are not resolved."""
    if text == "~" or text.startswith("~/"):
        text = host.home + text[1:]
    path = os.path.normpath(os.path.join(folder, text))  # noqa: PTH118 - PurePath keeps `..`
    return path[1:] if path.startswith("//") else path


def expanded(place: Place, host: Host) -> Iterator[str]:
    """Where a row's path may be: as written, where variables move it, and its second place."""
    text = place.path.replace("{uid}", str(host.uid))
    yield absolute(text, host)
    for base, name in _BASES:
        moved = host.environ.get(name, "")
        if moved.startswith("/") and is_inside(text, base):
            yield absolute(moved + text[len(base) :], host)
    if place.also:
        name, _, below = place.also.removeprefix("$").partition("/")
        value = host.environ.get(name, "")
        # A variable that names the home, or what holds it, would grant far more than the row means.
        if value.startswith("/") and not is_inside(host.home, absolute(value, host)):
            yield absolute(f"{value}/{below}", host)
