"""What an agent left that will run, or speak, outside: told when it ends.

Protected paths that exist are read only for the agent; those that don't yet are its to make, and some are its to
change, because that is part of the work. `look` before and after, `aftermath` says what differs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from typing import Final

import msgspec

from pipelock.contain.defaults import places
from pipelock.model import escape

__all__ = ["MAX_FILES", "Look", "Seen", "aftermath", "look"]

MAX_FILES: Final = 2_000
"""Files that one look takes in; a workspace with more is told of as such."""

_MAX_DEPTH: Final = 6
_MAX_PLACES: Final = 5_000
"""Folders and files that are looked at below one path: whoever was there before may have made any number of either."""
_MAX_READ: Final = 1 << 20
_MAX_SHOWN: Final = 20
_HOOKS: Final = ".git/hooks/"
_IDLE: Final = ".sample"
"""Every `git init` puts such files there. git runs none of them (githooks(5)), and they would hide what it does run."""
_MAX_LINE: Final = 200


class Seen(msgspec.Struct, frozen=True):
    """One file: what tells one state of it from another, and why it matters."""

    mark: str
    why: str


class Look(msgspec.Struct, frozen=True):
    """What is at the protected and watched paths.

    Attributes:
        files: By path, which is relative to the workspace for what is in it.
        is_whole: Whether there were no more than `MAX_FILES`, and nowhere too many folders.
    """

    files: dict[str, Seen]
    is_whole: bool = True


def look(workspace: str, watch: Iterable[tuple[str, str]] = ()) -> Look:
    """What is there now, and at the absolute paths of `watch` (`Profile.watch`).

    Links are not followed, and no file is read beyond its first MiB: what lies there is told apart by when it changed.
    """
    files: dict[str, Seen] = {}
    is_whole = True
    table = places()
    # The shorter path first: what a longer one says of the same file holds.
    rows = sorted(((row.path, row.why) for row in (*table.protected, *table.watched)), key=lambda row: len(row[0]))
    for base, start, why in (
        *((workspace, path, why) for path, why in rows),
        *(("", path, why) for path, why in watch),
    ):
        walk = _Walk()
        for path, mark in walk.below(base, start):
            if path.startswith(_HOOKS) and path.endswith(_IDLE):
                continue
            if len(files) >= MAX_FILES and path not in files:
                return Look(files, is_whole=False)
            files[path] = Seen(mark, why)
        is_whole = is_whole and walk.left >= 0
    return Look(files, is_whole=is_whole)


class _Walk:
    """What is at one path and below it, until `left` is negative: then there was more than is looked at."""

    def __init__(self) -> None:
        self.left = _MAX_PLACES

    def below(self, base: str, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
        place = f"{base}/{path}" if base else path
        self.left -= 1
        if self.left < 0:
            return
        try:
            status = os.lstat(place)
            if stat.S_ISDIR(status.st_mode) and depth < _MAX_DEPTH:
                with os.scandir(place) as entries:
                    names = sorted(entry.name for entry in islice(entries, self.left + 1))
                for name in names:
                    yield from self.below(base, f"{path}/{name}", depth + 1)
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
        # An agent must not be able to make another file with the same mark; when a file was changed it can't choose.
        content = blake2b(file.read(_MAX_READ), digest_size=16).hexdigest()
    rest = f" {status.st_ctime_ns}" if status.st_size > _MAX_READ else ""
    return f"{kind} {status.st_size} {content}{rest}"


def aftermath(before: Look, after: Look) -> list[str]:
    """Lines for a person, fit for a terminal: what appeared and what changed, and why that matters.

    At most 20 paths are named, of each kind one before the others: many of one must not hide one of another.
    """
    told = []
    of_kind: dict[str, int] = {}
    for path, seen in sorted(after.files.items()):
        was = before.files.get(path)
        if was is None or was.mark != seen.mark:
            place = of_kind[seen.why] = of_kind.get(seen.why, 0) + 1
            told.append((place, f"{'new' if was is None else 'changed'}: {path} ({seen.why})"))
    # Sorting keeps those of one place in the order of their paths.
    told.sort(key=lambda one: one[0])
    lines = [escape(line, _MAX_LINE) for _, line in told[:_MAX_SHOWN]]
    if len(told) > _MAX_SHOWN:
        lines.append(f"and {len(told) - _MAX_SHOWN} more")
    if not after.is_whole:
        lines.append(
            f"there are more files that run outside than the {MAX_FILES} that are looked at, or too many folders"
        )
    return lines
