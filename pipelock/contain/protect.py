"""What in a folder that an agent may change runs outside of it, and is therefore read only.

The agent has been in these folders before: nothing there is believed. A link that leads out of the folder protects
nothing, and grants nothing either.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from typing import Final

from pipelock.contain.claims import Claim, Rank, is_inside
from pipelock.contain.defaults import places
from pipelock.contain.host import Host, Kind
from pipelock.contain.profile import Access

__all__ = ["protected", "repository_beside", "repository_claims", "repository_of", "within"]

_MAX_UP: Final = 64
_MAX_FOLDERS: Final = 400
"""Looked into below `.git/modules` and `.git/worktrees`; what lies beyond is not protected."""

_REPOSITORIES: Final = (".git", "/.bare")
"""What names of repositories end in: other folders are not granted, whatever is in them."""

_IN_WORKTREE: Final = ("commondir", "gitdir", "config.worktree")
"""Say where a worktree's repository is, and what runs in it."""

_IN_MODULE: Final = ("config", "hooks", "info/attributes")


def protected(folder: str, host: Host) -> Iterator[Claim]:
    """Claims on what runs outside, of what there is in a resolved folder."""
    for row in places().protected:
        yield from within(folder, f"{folder}/{row.path}", row.why, host)
    git = f"{folder}/.git"
    if host.kind(git) is Kind.FILE:
        yield from within(folder, git, "says where git's settings are", host)
    else:
        yield from _below_git(folder, git, host)


def within(folder: str, path: str, why: str, host: Host) -> Iterator[Claim]:
    """A claim to read `path`, where it is there and really in the folder."""
    if host.exists(path) and is_inside(host.realpath(path), folder):
        yield Claim(path=path, access=Access.READ, why=why, rank=Rank.PROTECTED)


def _below_git(folder: str, git: str, host: Host) -> Iterator[Claim]:
    """Git runs what is set in repositories inside this one, too: `git status` looks into submodules."""
    for name in host.names(f"{git}/worktrees"):
        for file in _IN_WORKTREE:
            yield from within(folder, f"{git}/worktrees/{name}/{file}", "says where git's settings are", host)
    for module in _modules(f"{git}/modules", host):
        for file in _IN_MODULE:
            yield from within(folder, f"{module}/{file}", "git runs programs that this names", host)


def _modules(folder: str, host: Host) -> Iterator[str]:
    """The repositories below `.git/modules`: names of submodules may have slashes in them."""
    left = [folder]
    for _ in range(_MAX_FOLDERS):
        if not left:
            return
        place = left.pop(0)
        if host.exists(f"{place}/HEAD"):
            yield place
            left.append(f"{place}/modules")
        else:
            left += [below for name in host.names(place) if host.is_folder(below := f"{place}/{name}")]


def repository_of(folder: str, host: Host) -> str:
    """The nearest folder, from a resolved one upwards, that holds `.git`; empty where there is none."""
    place = folder
    for _ in range(_MAX_UP):
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
    if host.kind(file) is not Kind.FILE or host.realpath(file) != file:
        return ""
    said = host.read(file).strip()
    if not said.startswith("gitdir: ") or "\n" in said or "\0" in said:
        return ""
    entry = host.realpath(os.path.normpath(_join(workspace, said.removeprefix("gitdir: "))))
    worktrees = os.path.dirname(entry)  # noqa: PTH120 - text alone
    common = os.path.dirname(worktrees)  # noqa: PTH120 - likewise
    back = host.read(_join(entry, "gitdir")).strip()
    if os.path.basename(worktrees) != "worktrees" or not common.endswith(_REPOSITORIES):  # noqa: PTH119 - likewise
        return ""
    if not back.startswith("/") or "\n" in back or "\0" in back or host.realpath(back) != file:
        return ""
    return common if host.is_folder(_join(common, "objects")) else ""


def repository_claims(common: str, host: Host) -> Iterator[Claim]:
    """Claims for a worktree on the `.git` folder it belongs to: there, too, some of it runs outside."""
    yield Claim(path=common, access=Access.WRITE, why="the worktree's repository", rank=Rank.WORKSPACE)
    for row in places().protected:
        if row.path.startswith(".git/"):
            yield from within(common, common + row.path.removeprefix(".git"), row.why, host)
    yield from _below_git(common, common, host)


def _join(folder: str, name: str) -> str:
    return os.path.join(folder, name)  # noqa: PTH118 - text alone
