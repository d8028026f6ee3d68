"""Which places the agent's view of the files consists of, in which order they are made, and what is covered in them.

Limits: a local socket that a process in another network namespace has bound to a path is not in the list that is read
here, nor is one that was bound by a relative name, or later. And a cover lies on what is there: when a process outside
removes a covered file or socket, or renames another one over it, the kernel takes the cover off, and what is at that
path from then on is seen (`covers` notices). Inside, nobody can do that.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from pipelock.contain.profile import Access, Grant, Profile
from pipelock.model import WallName
from pipelock_linux import devices
from pipelock_linux.namespaces import WallError

__all__ = ["MAX_MOUNTS", "OPEN", "SOCKET", "Place", "around_of", "arrange", "sockets_to_mask"]

MAX_MOUNTS: Final = 1024
"""Places in the view, sockets that are hidden included."""

OPEN: Final = (Access.READ, Access.WRITE, Access.COPY)
"""Accesses that show something of the host's."""

SOCKET: Final = "local socket"
"""Why a socket is masked."""

_SOCKET_COLUMNS: Final = 7
"""Columns of /proc/net/unix before the path."""


class Place(msgspec.Struct, frozen=True):
    """One place of the view.

    Attributes:
        grant: What is there.
        around: What the next larger place grants; `None` where that is the empty root.
        holds_others: Whether places lie within.
    """

    grant: Grant
    around: Access | None = None
    holds_others: bool = False


def arrange(grants: Iterable[Grant], sockets: Iterable[str] = ()) -> tuple[Place, ...]:
    """The places to make, larger ones first.

    What grants no more and no less than the place around it is left out: a mount of its own would only forbid renaming
    across. So is a mask where nothing of the host's is shown anyway. Folders between a place that may be changed and
    one in it that may not get mounts of their own: what is no mount can be renamed, and another folder put there.

    Args:
        grants: In any order; for the same path the last one counts.
        sockets: Local sockets to be masked, by path.

    Raises:
        WallError: there are more than `MAX_MOUNTS`, or the root itself is granted.
    """
    wanted = {path: Grant(path=path, access=Access.MASK, why=SOCKET, is_folder=False) for path in sockets}
    wanted |= {one.path: one for one in grants if not _is_made_here(one.path)}
    if "/" in wanted:
        raise WallError(WallName.FILES, "the whole file system can't be granted", "grant the folders that are needed")
    kept: dict[str, Grant] = {}
    for path in sorted(wanted, key=_depth):
        if _adds(wanted[path], around_of(kept, path)):
            kept[path] = wanted[path]
    for path, grant in list(kept.items()):
        around = around_of(kept, path)
        if grant.access is Access.READ and around is not None and around.access is Access.WRITE:
            for folder in _between(around.path, path):
                kept[folder] = Grant(path=folder, access=Access.WRITE, why="holds its place")
    if len(kept) > MAX_MOUNTS:
        raise WallError(
            WallName.FILES,
            f"{len(kept)} places are granted or hidden one by one; at most {MAX_MOUNTS} can be",
            "grant smaller folders: each local socket in them is hidden by itself",
        )
    outer = {path: around_of(kept, path) for path in kept}
    holders = {one.path for one in outer.values() if one is not None}
    return tuple(
        Place(kept[path], around.access if (around := outer[path]) is not None else None, path in holders)
        for path in sorted(kept, key=_depth)
    )


def sockets_to_mask(
    profile: Profile, proc_net_unix: str, resolve: Callable[[str], str] = os.path.realpath
) -> tuple[str, ...]:
    """Paths of the host's local sockets that the agent would see and was not granted, sorted.

    Landlock keeps nobody from a socket with a path before its ABI 9, and neither does a read-only mount.

    Args:
        profile: What is granted. A socket is granted by its own path, not by a folder around it.
        proc_net_unix: The content of /proc/net/unix (proc_net(5)) as the host's processes see it.
        resolve: Follows the links of a folder's path.
    """
    granted = {one.path for one in profile.grants if one.access in OPEN and not one.is_folder}
    by_path = {one.path: one for one in profile.grants}
    folders: dict[str, str] = {}  # resolved; many sockets lie in few folders
    found = set()
    for bound in _bound(proc_net_unix):
        folder, _, name = bound.rpartition("/")
        if folder not in folders:
            folders[folder] = resolve(folder).rstrip("/") if folder else ""
        path = f"{folders[folder]}/{name}"
        around = around_of(by_path, path)
        if around is not None and around.access in OPEN and path not in granted:
            found.add(path)
    return tuple(sorted(found))


def _is_made_here(path: str) -> bool:
    return path == "/proc" or path.startswith("/proc/") or devices.is_ours(path)


def _adds(grant: Grant, around: Grant | None) -> bool:
    """Whether `grant` changes anything within `around`."""
    if grant.access is Access.MASK:
        return around is not None and around.access in OPEN
    if grant.access in {Access.READ, Access.WRITE}:
        return around is None or around.access is not grant.access
    return True


def around_of(places: Mapping[str, Grant], path: str) -> Grant | None:
    """The place that `path` lies in, itself not counted."""
    while path := path.rpartition("/")[0]:
        if path in places:
            return places[path]
    return None


def _between(outer: str, inner: str) -> Iterable[str]:
    while len(inner := inner.rpartition("/")[0]) > len(outer):
        yield inner


def _depth(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _bound(proc_net_unix: str) -> Iterable[str]:
    """The paths in it. A name may have line breaks in it: what does not begin as a line does goes on with the last."""
    path = ""
    for line in proc_net_unix.split("\n")[1:]:
        fields = line.split(None, _SOCKET_COLUMNS)
        if fields and fields[0].endswith(":") and len(fields) >= _SOCKET_COLUMNS:
            if path:
                yield path
            name = fields[_SOCKET_COLUMNS] if len(fields) > _SOCKET_COLUMNS else ""
            path = name if name.startswith("/") else ""
        elif path:
            path += f"\n{line}"
    if path:
        yield path.removesuffix("\n")
