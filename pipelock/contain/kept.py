"""What agents changed in copies of caches: where that is kept on the host, and how it goes.

What is in there was made by whoever was contained. Folders may be closed to their own user (those of Go's modules are,
and so is the one that overlay file systems work in), nested deeper than a path can say, and full of links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipelock.contain.host import Host
from pipelock.contain.spots import absolute

__all__ = ["kept_folder", "remove_tree"]

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def kept_folder(host: Host) -> str:
    """Where it is kept, for all workspaces: absolute, not necessarily there."""
    base = host.environ.get("XDG_CACHE_HOME", "")
    return absolute(f"{base if base.startswith('/') else '~/.cache'}/pipelock/caches", host)


def remove_tree(folder: Path) -> None:
    """Remove a folder and all that is in it; harmless where there is none.

    Nothing is followed, folders that are closed are opened first, and no depth is too great: folders that lie in others
    are moved up before they are emptied.

    Raises:
        OSError: something there is somebody else's or a mount, or the folder is none (a link).
    """
    try:
        with _held(str(folder.parent), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) as above:
            _open_up(folder.name, above)
            with _held(folder.name, _FOLDER, above) as top:
                _empty(top)
            os.rmdir(folder.name, dir_fd=above)
    except OSError as error:
        if not os.path.lexists(folder):
            return
        raise OSError(error.errno, f"can't be removed: {error.strerror}", f"{folder} ({error.filename})") from error


def _empty(top: int) -> None:
    """Remove what is in an open folder. It is never more than one level deep when a folder in it is emptied."""
    left = list(_cleared(top))
    unused = f".{os.urandom(8).hex()}"
    moved = 0
    while left:
        name = left.pop()
        _open_up(name, top)
        with _held(name, _FOLDER, top) as inner:
            for below in _cleared(inner):
                # What is moved has to be writable itself: its `..` changes.
                _open_up(below, inner)
                moved += 1
                left.append(f"{unused}-{moved}")
                os.rename(below, left[-1], src_dir_fd=inner, dst_dir_fd=top)
        os.rmdir(name, dir_fd=top)


def _cleared(folder: int) -> list[str]:
    """The folders in an open folder, after all else in it was removed."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=folder)
    return folders


def _open_up(name: str, above: int) -> None:
    """Give this user all rights to a folder of theirs. A link is left alone, whenever it was put there."""
    mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
    if not stat.S_ISDIR(mode) or mode & stat.S_IRWXU == stat.S_IRWXU:
        return
    if os.chmod in os.supports_follow_symlinks:
        os.chmod(name, stat.S_IRWXU, dir_fd=above, follow_symlinks=False)
        return
    # Linux knows no such call. It takes the name that a descriptor has (open(2), O_PATH).
    with _held(name, _FOLDER | os.O_PATH, above) as descriptor:
        Path(f"/proc/self/fd/{descriptor}").chmod(stat.S_IRWXU)


@contextmanager
def _held(name: str, flags: int, above: int | None = None) -> Iterator[int]:
    descriptor = os.open(name, flags, dir_fd=above)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
