"""What an agent left in its workspace that will run, or speak, outside: told when it ends.

Protected paths that exist are read only for the agent; those that don't yet are its to make, and some are its to
change, because that is part of the work. `look` before and after, `aftermath` says what differs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final
from zlib import crc32

import msgspec

from pipelock.contain.defaults import Place, places
from pipelock.model import escape

__all__ = ["MAX_FILES", "Look", "aftermath", "look"]

MAX_FILES: Final = 2_000
"""Files that one look takes in; a workspace with more is told of as such."""

_MAX_DEPTH: Final = 6
_MAX_READ: Final = 1 << 20
_MAX_SHOWN: Final = 20
_MAX_LINE: Final = 200


class Look(msgspec.Struct, frozen=True):
    """What is at the protected and watched paths of a workspace.

    Attributes:
        files: Path relative to the workspace, to what tells one state of it from another.
        is_whole: Whether there were no more than `MAX_FILES`.
    """

    files: dict[str, str]
    is_whole: bool = True


def look(workspace: str) -> Look:
    """What is there now. Links are not followed, and no file is read beyond its first MiB."""
    files: dict[str, str] = {}
    table = places()
    for row in (*table.protected, *table.watched):
        for path, mark in _below(workspace, row.path, 0):
            if len(files) >= MAX_FILES:
                return Look(files, is_whole=False)
            files[path] = mark
    return Look(files)


def _below(workspace: str, path: str, depth: int) -> Iterator[tuple[str, str]]:
    place = f"{workspace}/{path}"
    try:
        status = os.lstat(place)
        if stat.S_ISDIR(status.st_mode) and depth < _MAX_DEPTH:
            with os.scandir(place) as entries:
                names = sorted(entry.name for entry in entries)
            for name in names:
                yield from _below(workspace, f"{path}/{name}", depth + 1)
        else:
            yield path, _mark(place, status)
    except OSError:
        return  # it isn't there, or nobody may look


def _mark(place: str, status: os.stat_result) -> str:
    """What is in a file, and whether it can be run; for anything else what it is."""
    kind = f"{status.st_mode:o}"
    if stat.S_ISLNK(status.st_mode):
        return f"{kind} {os.readlink(place)}"  # noqa: PTH115 - text alone
    if not stat.S_ISREG(status.st_mode):
        return kind
    # Neither a link put there meanwhile nor a pipe may hold us up.
    descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return f"{kind} {status.st_size} {crc32(file.read(_MAX_READ)):08x}"


def aftermath(before: Look, after: Look) -> list[str]:
    """Lines for a person, fit for a terminal: what appeared and what changed, and why that matters.

    At most 20 paths are named.
    """
    told = []
    for path, mark in sorted(after.files.items()):
        was = before.files.get(path)
        if was != mark:
            told.append(f"{'new' if was is None else 'changed'}: {path} ({_why(path)})")
    lines = [escape(line, _MAX_LINE) for line in told[:_MAX_SHOWN]]
    if len(told) > _MAX_SHOWN:
        lines.append(f"and {len(told) - _MAX_SHOWN} more")
    if not after.is_whole:
        lines.append(f"there are more than {MAX_FILES} files that run outside; not all were looked at")
    return lines


def _why(path: str) -> str:
    table = places()
    rows: tuple[Place, ...] = (*table.protected, *table.watched)
    found = [row for row in rows if path == row.path or path.startswith(f"{row.path}/")]
    return max(found, key=lambda row: len(row.path)).why if found else "it runs outside"
