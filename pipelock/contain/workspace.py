"""Which folder an agent works in, and which folders are too much."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator
from typing import Final

from pipelock.contain.claims import is_inside
from pipelock.contain.host import Host, Kind

__all__ = ["TOO_WIDE", "repository_beside", "repository_of", "why_not"]

TOO_WIDE: Final = frozenset({
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/nix", "/opt", "/proc", "/root",
    "/run", "/sbin", "/snap", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/tmp", "/var/lib", "/var/run",  # noqa: S108
    "/Applications", "/Library", "/System", "/Users", "/Volumes", "/private", "/private/etc", "/private/tmp",
    "/private/var", "/private/var/tmp",
})  # fmt: skip
"""Folders of the system or of many users: never written to as a whole."""

_KERNEL: Final = ("/proc", "/sys", "/dev", "/boot")
_MAX_DEPTH: Final = 64


def why_not(path: str, host: Host, hidden: Iterable[str], secrets: Iterable[tuple[str, str]]) -> str:
    """Why a resolved folder can't be written to as a whole; empty where it can.

    `hidden` are Pipelock's own places, `secrets` pairs of a place and what is there; all resolved.
    """
    home = host.realpath(host.home)
    if path == home:
        return "it is your home: everything you have would be the agent's to change"
    if is_inside(home, path):
        return "your home is inside it"
    if path in TOO_WIDE:
        return "it belongs to the system"
    if any(is_inside(path, place) for place in _KERNEL):
        return "the kernel shows itself there"
    if any(is_inside(path, place) for place in hidden):
        return "it belongs to Pipelock"
    return next((f"it holds {why}" for place, why in secrets if is_inside(path, place)), "")


def repository_of(folder: str, host: Host) -> str:
    """The nearest folder, from a resolved one upwards, that holds `.git`; empty where there is none."""
    place = folder
    for _ in range(_MAX_DEPTH):
        if host.exists(_join(place, ".git")):
            return place
        if place == "/":
            break
        place = os.path.dirname(place)  # noqa: PTH120 - text alone
    return ""


def repository_beside(workspace: str, host: Host) -> str:
    """The `.git` folder of the repository that a workspace is a linked worktree of; empty where it is none.

    The file `.git` of a worktree says where that is (gitrepository-layout(5)), and whoever worked there before may
    have written it. It is believed only where the repository names this worktree, too: `gitdir` there leads back.
    """
    file = _join(workspace, ".git")
    if host.kind(file) is not Kind.FILE:
        return ""
    said = host.read(file).strip()
    if not said.startswith("gitdir: ") or "\n" in said or "\0" in said:
        return ""
    entry = host.realpath(os.path.normpath(_join(workspace, said.removeprefix("gitdir: "))))
    common = next(_grandparents(entry), "")
    back = host.read(_join(entry, "gitdir")).strip()
    if not common or not back.startswith("/") or "\n" in back or "\0" in back or host.realpath(back) != file:
        return ""
    return common if host.is_folder(_join(common, "objects")) else ""


def _grandparents(entry: str) -> Iterator[str]:
    """`/r/.git` of `/r/.git/worktrees/name`, and of nothing else."""
    worktrees = os.path.dirname(entry)  # noqa: PTH120 - text alone
    if os.path.basename(worktrees) == "worktrees":  # noqa: PTH119 - likewise
        yield os.path.dirname(worktrees)  # noqa: PTH120 - likewise


def _join(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118 - text alone
