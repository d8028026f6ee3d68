"""From claims on paths, made by tables, config and the command line, to the grants of a profile.

A claim may be about a path that isn't there, or is a link; two may be about one path. `grants` resolves every path,
drops what isn't there, lets the higher rank win where two meet, and leaves out what says nothing. The order in which
claims were made never matters.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Final

import msgspec

from pipelock.contain.host import Host
from pipelock.contain.profile import Access, Grant, Source

__all__ = ["Claim", "Rank", "covering", "grants", "is_inside", "links", "links_in"]

_MAX_LINKS: Final = 40
"""Followed in one path, as Linux does (MAXSYMLINKS, path_resolution(7))."""


class Rank(IntEnum):
    """Whose word holds where two claims are about one path, weakest first."""

    PRIVATE = 5
    TABLE = 10
    CACHE = 12
    SECRET = 20
    RUNTIME = 21
    PRESET_WRITE = 24
    WORKSPACE = 25
    PROTECTED = 26
    CONFIG_ALLOW = 30
    CONFIG_MASK = 40
    COMMAND_ALLOW = 50
    COMMAND_MASK = 60
    OURSELVES = 90
    HIDDEN = 100
    TRUST = 110


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's word on one path: absolute, without `..`, links not resolved."""

    path: str
    access: Access
    why: str
    rank: Rank
    source: Source = Source.BUILT_IN
    upper: str = ""
    size: int = 0


_STRENGTH: Final = (Access.PRIVATE, Access.READ, Access.COPY, Access.WRITE, Access.MASK)
_SHOWING: Final = (Access.READ, Access.COPY, Access.WRITE)


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or below it. Both are absolute and normal."""
    return folder in (path, "/") or path.startswith(f"{folder}/")


def covering(grants: Mapping[str, Grant], path: str) -> Grant | None:
    """The grant that holds for a resolved path: that of the nearest folder above it, or its own."""
    place = path
    while True:
        if (found := grants.get(place)) is not None:
            return found
        if place == "/":
            return None
        place = os.path.dirname(place)  # noqa: PTH120 - some thousand times in a launch


def grants(claims: Iterable[Claim], host: Host) -> dict[str, Grant]:
    """The grants by path. What isn't there is left out, and masks where nothing would show what they hide."""
    best: dict[str, Claim] = {}
    for claim in claims:
        if not host.exists(claim.path):
            continue
        path = host.realpath(claim.path)
        other = best.get(path)
        if other is None or _weight(claim) > _weight(other):
            best[path] = claim
    found: dict[str, Grant] = {}
    # Parents first: whether a mask hides anything depends on what holds around it.
    for path in sorted(best, key=lambda one: one.split("/")):
        claim = best[path]
        around = covering(found, os.path.dirname(path)) if path != "/" else None  # noqa: PTH120 - as above
        if claim.access is Access.MASK and (around is None or around.access not in _SHOWING):
            continue
        if _says_nothing(claim, around):
            continue
        found[path] = Grant(
            path=path,
            access=claim.access,
            why=claim.why,
            source=claim.source,
            upper=claim.upper,
            is_folder=host.is_folder(path),
            size=claim.size,
            is_fixed=claim.rank is Rank.HIDDEN,
        )
    return found


def _weight(claim: Claim) -> tuple[object, ...]:
    """What decides between two about one path; the last fields only so that the order of claims doesn't."""
    return claim.rank, _STRENGTH.index(claim.access), claim.source, claim.why, claim.upper, claim.path


def _says_nothing(claim: Claim, around: Grant | None) -> bool:
    """Whether the same holds around it anyway."""
    return claim.access in (Access.READ, Access.PRIVATE) and around is not None and around.access is claim.access


def links(paths: Iterable[str], found: Mapping[str, Grant], host: Host) -> dict[str, str]:
    """The links that lead from paths as they are written to where they are: link to target, both absolute.

    Those that lie in something shown are there without us.
    """
    wanted: dict[str, str] = {}
    for path in sorted(set(paths)):
        for link, target in links_in(path, host):
            if target == link or is_inside(target, link):
                continue  # it leads nowhere: round in a circle
            around = covering(found, link)
            if around is None or around.access is Access.PRIVATE:
                wanted[link] = target
    return wanted


def links_in(path: str, host: Host) -> Iterator[tuple[str, str]]:
    """Every link that is followed on the way to a path: where it is, its folder resolved, and where it leads at last.

    As the kernel walks (path_resolution(7)): what a link holds is walked in its turn, `..` leaves where one really is.
    """
    if host.realpath(path) == path:
        return
    done = PurePosixPath("/")
    left = list(PurePosixPath(path).parts[1:])
    followed = 0
    while left and followed < _MAX_LINKS:
        part = left.pop(0)
        if part == "..":
            done = done.parent
            continue
        target = host.readlink(str(done / part))
        if not target:
            done /= part
            continue
        followed += 1
        link = str(done / part)
        yield link, host.realpath(link)
        parts = PurePosixPath(target).parts
        if target.startswith("/"):
            done, parts = PurePosixPath("/"), parts[1:]
        left = [*parts, *left]
