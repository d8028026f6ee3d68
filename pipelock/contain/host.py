"""The machine as a plan sees it: which paths exist and where they lead.

Looked at through functions, so that a table can stand in for it.
"""

from __future__ import annotations

import os
import pwd
import stat
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

__all__ = ["Host", "Kind"]

_MAX_READ: Final = 4096
_MAX_NAMES: Final = 1_000
_MAX_CLOSED: Final = 20_000


class Kind(StrEnum):
    """What is at a path, links followed."""

    FOLDER = "folder"
    FILE = "file"
    SOCKET = "socket"
    DISK = "disk"
    """A block device."""
    OTHER = "other"


def _kind(path: str) -> Kind | None:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - a launch asks some hundred times
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISBLK(mode):
        return Kind.DISK
    return Kind.SOCKET if stat.S_ISSOCK(mode) else Kind.OTHER


def _readlink(path: str) -> str:
    try:
        return os.readlink(path)  # noqa: PTH115 - likewise
    except (OSError, ValueError):
        return ""


def _read(path: str) -> str:
    try:
        # A pipe that somebody has put there must not hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            return file.read(_MAX_READ).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _names(path: str) -> tuple[str, ...]:
    try:
        with os.scandir(path) as entries:
            return tuple(sorted(entry.name for entry in islice(entries, _MAX_NAMES)))
    except (OSError, ValueError):
        return ()


def _closed(path: str) -> tuple[str, ...]:
    found: list[str] = []
    left, seen = [path], 0
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > _MAX_CLOSED:
                        return tuple(sorted(found))
                    if entry.is_symlink():
                        # Told by the folder: half of /etc are links, and they have no mode of their own.
                        continue
                    mode = entry.stat(follow_symlinks=False).st_mode
                    is_folder = stat.S_ISDIR(mode)
                    wanted = stat.S_IROTH | (stat.S_IXOTH if is_folder else 0)
                    if mode & wanted != wanted:
                        found.append(entry.path)
                    elif is_folder:
                        left.append(entry.path)
        except (OSError, ValueError):
            continue
    return tuple(sorted(found))


class Host(msgspec.Struct, frozen=True):
    """One machine, one user.

    Attributes:
        home: Absolute, as HOME says.
        environ: The environment that the launch comes from.
        uid: The user's number.
        installation: Folders and files that our own program is made of, absolute.
        ssh_command: What runs `ssh` through the proxy; empty where there is nothing of the kind.
        kind: What is at an absolute path; `None` for nothing, or nothing that this user may look at.
        realpath: The path without links in it; what is missing of it stays as it is.
        readlink: Where the link at a path leads, as it is written; empty where there is none.
        read: The first 4096 characters of a file; empty where it is no file, or can't be read.
        names: What is in a folder, sorted, 1000 at most; empty where there is none.
        closed: What below a folder not everybody may read, sorted, of the first 20000 paths; links are not followed.
    """

    home: str
    environ: Mapping[str, str]
    uid: int
    installation: tuple[str, ...] = ()
    ssh_command: tuple[str, ...] = ()
    kind: Callable[[str], Kind | None] = _kind
    realpath: Callable[[str], str] = os.path.realpath
    readlink: Callable[[str], str] = _readlink
    read: Callable[[str], str] = _read
    names: Callable[[str], tuple[str, ...]] = _names
    closed: Callable[[str], tuple[str, ...]] = _closed

    @classmethod
    def of_this_machine(cls, environ: Mapping[str, str]) -> Host:
        """The machine we run on, for the user we run as."""
        home = environ.get("HOME", "")
        if not home.startswith("/"):
            home = pwd.getpwuid(os.getuid()).pw_dir
        return cls(
            home=os.path.normpath(home),
            environ=dict(environ),
            uid=os.getuid(),
            installation=_installation(),
            ssh_command=(sys.executable, "-P", "-m", "pipelock", "ssh", "--"),
        )

    def remembered(self) -> Host:
        """The same machine, looked at once: what was seen at a path holds for as long as this one is used."""
        return msgspec.structs.replace(
            self,
            kind=cache(self.kind),
            realpath=cache(self.realpath),
            readlink=cache(self.readlink),
            read=cache(self.read),
        )

    def exists(self, path: str) -> bool:
        """Whether there is something that this user may look at."""
        return self.kind(path) is not None

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder."""
        return self.kind(path) is Kind.FOLDER


def _installation() -> tuple[str, ...]:
    """Where the interpreter, its library and our packages are, each once."""
    import pipelock  # noqa: PLC0415 - its place is asked, nothing of it

    package = Path(pipelock.__file__).parent
    # A development tree has its packages apart; site-packages is inside the prefix.
    beside = [package.parent / area / name for area, name in (("linux", "pipelock_linux"), ("macos", "pipelock_macos"))]
    found = [sys.prefix, sys.base_prefix, sys.exec_prefix, str(package), *(str(one) for one in beside if one.is_dir())]
    return tuple(dict.fromkeys(os.path.realpath(one) for one in found))
