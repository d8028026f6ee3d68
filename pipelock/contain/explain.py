"""Why a path is there or isn't, for a person: the same answer that the walls give, with what would change it."""

from __future__ import annotations

import os.path
from collections.abc import Callable
from typing import Final

import msgspec

from pipelock.contain.claims import is_inside
from pipelock.contain.defaults import places
from pipelock.contain.profile import Access, Grant, Profile, Source, holding
from pipelock.contain.workspace import KERNEL, TOO_WIDE

__all__ = ["Explanation", "explain"]

_MADE: Final = (
    ("/proc", "the processes of the sandbox and what the kernel tells of itself; read only"),
    ("/dev", "a few harmless devices, and the terminal"),
)
"""What launchers put up themselves."""

_SOCKETS: Final = (".sock", ".socket")
"""What names of local sockets end in."""


class Explanation(msgspec.Struct, frozen=True):
    """The answer.

    Attributes:
        allowed: Whether the walls let it through; the host's own permissions hold besides.
        why: A sentence. It holds the path as it was asked, not escaped.
        fix: What to write to allow it; empty where it is allowed or nothing does.
    """

    allowed: bool
    why: str
    fix: str = ""


def explain(
    profile: Profile, path: str, access: Access = Access.READ, realpath: Callable[[str], str] | None = None
) -> Explanation:
    """Whether a program inside may read or run (`READ`) or change (`WRITE`) what is at `path`.

    `path` is as the program gave it; a relative one starts at the profile's folder. The links that the profile makes
    are followed, and with `realpath` those of the host; else nothing here looks at a file system.

    Raises:
        ValueError: `access` is neither of the two.
    """
    if access not in (Access.READ, Access.WRITE):
        raise ValueError("a program reads or writes")
    place = _followed(profile, path)
    if realpath is not None and not any(is_inside(place, made) for made, _ in _MADE):
        place = realpath(place)
    for made, what in _MADE:
        if is_inside(place, made):
            return Explanation(allowed=access is Access.READ, why=f"{path} is {made} of the sandbox: {what}")
    grant = holding(profile.grants, place)
    if grant is None:
        return _nothing(profile, path, place, access)
    return _by_grant(profile, path, place, access, grant)


def _followed(profile: Profile, path: str) -> str:
    place = os.path.normpath(os.path.join(profile.folder, path))  # noqa: PTH118 - text alone
    place = place[1:] if place.startswith("//") else place
    for _ in profile.links:
        link = next(((link, target) for link, target in profile.links if is_inside(place, link)), None)
        if link is None:
            break
        place = os.path.normpath(link[1] + place[len(link[0]) :])
    return place


def _nothing(profile: Profile, path: str, place: str, access: Access) -> Explanation:
    if any(is_inside(grant.path, place) for grant in profile.grants) and access is Access.READ:
        return _yes(f"{path} is a folder that only holds what is granted below it")
    secret = _secret(profile, place)
    return _no(f"nothing grants {path}" + (f": it holds {secret}" if secret else ""), _fix(profile, place, access))


def _yes(why: str) -> Explanation:
    return Explanation(allowed=True, why=why)


def _no(why: str, fix: str = "") -> Explanation:
    return Explanation(allowed=False, why=why, fix=fix)


def _by_grant(profile: Profile, path: str, place: str, access: Access, grant: Grant) -> Explanation:
    by = f", by {grant.source}" if grant.source is not Source.BUILT_IN else ""
    why = f"({grant.path}: {grant.why}{by})"
    fix = "" if grant.is_fixed else _fix(profile, place, access)
    match grant.access:
        case Access.WRITE:
            answer = _yes(f"{path} may be changed {why}")
        case Access.COPY:
            answer = _yes(f"{path} may be changed; changes are kept apart from the host {why}")
        case Access.READ if access is Access.READ:
            answer = _yes(f"{path} may be read {why}")
        case Access.READ:
            answer = _no(f"{path} is read only {why}", fix)
        case Access.PRIVATE if access is Access.WRITE or place == grant.path:
            answer = _yes(f"{path} is in memory, and gone at the end {why}")
        case Access.PRIVATE:
            secret = _secret(profile, place)
            said = f"{path} is not the host's" + (f"; the host's holds {secret}" if secret else "")
            answer = _no(f"{said} {why}", fix)
        case Access.MASK:
            answer = _no(f"{path} is hidden {why}", fix)
    return answer


def _secret(profile: Profile, place: str) -> str:
    """What the host keeps there, where the table of secrets knows."""
    for row in places().secrets:
        path = profile.home + row.path[1:] if row.path.startswith("~") else row.path
        if is_inside(place, path):
            return row.why
    return ""


def _fix(profile: Profile, place: str, access: Access) -> str:
    """The option that would allow it; empty where it is refused, too."""
    if place == "/" or any(is_inside(place, kernel) for kernel in KERNEL):
        return ""
    if any(is_inside(place, own) for own in profile.hidden):
        return ""
    if access is Access.WRITE and (place in TOO_WIDE or is_inside(profile.home, place)):
        return ""
    # Nobody looks at the file system here; the launch says so where a name misleads.
    option = "--unix-socket" if place.endswith(_SOCKETS) else f"--allow-{access}"
    return f"{option} {_short(profile, place)}"


def _short(profile: Profile, place: str) -> str:
    from shlex import quote  # noqa: PLC0415 - seldom

    if profile.home != "/" and is_inside(place, profile.home) and place != profile.home:
        return "~/" + quote(place[len(profile.home) + 1 :])
    return quote(place)
