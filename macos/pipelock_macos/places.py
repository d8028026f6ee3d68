"""Paths on this machine: their real names, a folder for temporary files, and where programs are sent instead.

macOS has no mounts of one's own. A path is what it is for everybody, and so the home folder can't be an empty one for
the agent: HOME stays what it is, and what is not granted in it can't be read or made. Programs that would write to
places which are private or copies on Linux are told of other ones by variables.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from pipelock.contain.kept import remove_tree
from pipelock.contain.profile import Access, Profile, holding
from pipelock_macos.system import CACHES

__all__ = ["environment", "find_program", "forget", "plant", "real", "temporary_folder"]

_FOR_EVENTS = 0x8000  # O_EVTONLY of <sys/fcntl.h>: opens what may not be read
_PATH_SIZE = 1024  # MAXPATHLEN, which F_GETPATH asks for
_TEMPORARY = ("TMPDIR", "TMP", "TEMP", "TMPPREFIX")
_PARENT = "/tmp"  # noqa: S108 - the folder is made anew and for its owner alone


def real(path: str) -> str:
    """The path as the kernel sees it: without links, and in the spelling on disk.

    macOS' file systems don't tell `~/Documents` from `~/documents`, the sandbox does. What is not there, or can't be
    opened, is given without its links.
    """
    resolved = os.path.realpath(path)
    asks: int | None = getattr(fcntl, "F_GETPATH", None)
    if asks is None:
        return resolved
    try:
        descriptor = os.open(resolved, os.O_RDONLY | _FOR_EVENTS)
    except OSError:
        return resolved
    try:
        return os.fsdecode(fcntl.fcntl(descriptor, asks, bytes(_PATH_SIZE)).rstrip(b"\0"))
    except OSError:
        return resolved
    finally:
        os.close(descriptor)


def temporary_folder(resolve: Callable[[str], str] = real) -> str:
    """A new folder for the agent's temporary files, mode 0700.

    Not in the user's own one, whose path is so long that the path of a socket in it may not fit (104 bytes).

    Raises:
        OSError: It can't be made.
    """
    return resolve(tempfile.mkdtemp(prefix="pipelock-", dir=_PARENT))


def forget(folder: str) -> None:
    """Remove the folder of an agent that has ended. What can't be removed stays for the system to clear away."""
    with contextlib.suppress(OSError):
        remove_tree(Path(folder))


def environment(profile: Profile, temporary: str) -> dict[str, str]:
    """The profile's, with the places that don't exist here replaced; folders of caches are made.

    Raises:
        OSError: A folder can't be made.
    """
    variables = dict(profile.environment)
    variables |= {name: temporary for name in _TEMPORARY if name == "TMPDIR" or name in variables}
    private = Path(temporary, "caches")
    for grant in profile.grants:
        name = _variable(grant.path)
        if not name or name in variables or grant.access not in {Access.COPY, Access.PRIVATE}:
            continue
        folder = Path(grant.upper) if grant.upper else private / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        variables[name] = str(folder)
    return variables


def plant(profile: Profile) -> None:
    """Copy the profile's seeds to where nothing is yet and the agent may write. Where it may not nothing is made."""
    for source, target in profile.seeds:
        place = holding(profile.grants, target)
        if place is None or place.access is not Access.WRITE:
            continue
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            content = Path(source).read_bytes()
            # Not through a link that the agent left there.
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
                file.write(content)


def _variable(path: str) -> str:
    parts = PurePosixPath(path).parts
    for end, name in CACHES:
        words = PurePosixPath(end).parts
        if parts[-len(words) :] == words:
            return name
    return ""


def find_program(word: str, folder: str, path: str) -> tuple[str, bool]:
    """What `word` would run, by execvp(3)'s rules: the path, and whether it can be run.

    Where nothing can, the path is of what is there and no program, or `word`.

    Args:
        word: First of the command line.
        folder: Where it is run.
        path: PATH.
    """
    names: Iterable[str] = [word] if "/" in word else [f"{part or '.'}/{word}" for part in path.split(":")]
    unfit = ""
    for name in names:
        candidate = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118 - as execvp joins them
        with contextlib.suppress(OSError, ValueError):
            if Path(candidate).is_file():
                if os.access(candidate, os.X_OK):
                    return candidate, True
                unfit = unfit or candidate
    return unfit or word, False
