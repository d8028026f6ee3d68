"""The calls that mounts are made by: detached, by descriptor, and put in place when they are what they should be.

Linux 5.12 or newer has all of them. No path that somebody could bend meanwhile is looked up twice, and none through a
link. Source: the kernel's include/uapi/linux/mount.h, openat2.h, fcntl.h.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from typing import Final

from pipelock_linux import libc

__all__ = [
    "HARMLESS",
    "NODEV",
    "NOEXEC",
    "NOSUID",
    "RDONLY",
    "attach",
    "change_root",
    "clone",
    "detach",
    "inside",
    "make_private",
    "new",
    "put",
    "reach",
    "restrict",
]

RDONLY: Final = 0x1
NOSUID: Final = 0x2
NODEV: Final = 0x4
NOEXEC: Final = 0x8
HARMLESS: Final = NOSUID | NODEV
"""No file there gives anybody rights or is a device."""

_CLONE: Final = 0x1
_CLOEXEC: Final = os.O_CLOEXEC
_FLAG, _STRING, _CREATE = 0, 1, 6  # FSCONFIG_*
_FROM_EMPTY_PATH, _TO_EMPTY_PATH = 0x4, 0x40  # MOVE_MOUNT_*
_NO_MAGIC_LINKS, _NO_SYMLINKS, _IN_ROOT = 0x2, 0x4, 0x10  # RESOLVE_*
_PRIVATE: Final = 1 << 18
_DETACH: Final = 2  # MNT_DETACH
_MESSAGE: Final = 1024


class _How(ctypes.Structure):
    """struct open_how."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class _Attributes(ctypes.Structure):
    """struct mount_attr."""

    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


def reach(path: str) -> int:
    """A descriptor that names the absolute `path` and can't be read (O_PATH).

    Raises:
        OSError: it is not there, or there is a link in it (`ELOOP`).
    """
    return _open(libc.AT_FDCWD, path, libc.O_PATH, 0, _NO_SYMLINKS | _NO_MAGIC_LINKS)


def inside(root: int, path: str, flags: int = libc.O_PATH, mode: int = 0) -> int:
    """Open the absolute `path` as seen from the folder `root`.

    Raises:
        OSError: it is not there, or there is a link in it (`ELOOP`).
    """
    return _open(root, path, flags, mode, _NO_SYMLINKS | _NO_MAGIC_LINKS | _IN_ROOT)


def _open(folder: int, path: str, flags: int, mode: int, resolve: int) -> int:
    # Without O_NOFOLLOW: with it O_PATH takes a link at the end of the path for what it is, and opens it.
    how = _How(flags | _CLOEXEC, mode, resolve)
    return libc.call("openat2", folder, os.fsencode(path), how, ctypes.sizeof(how))


def clone(source: int, *, recursive: bool = True) -> int:
    """A detached copy of the mount at what `source` names; with those below it where `recursive`.

    Raises:
        OSError: the kernel refuses; not recursively, where there are mounts below that are not ours (`EINVAL`).
    """
    flags = _CLONE | _CLOEXEC | libc.AT_EMPTY_PATH | (libc.AT_RECURSIVE if recursive else 0)
    return libc.call("open_tree", source, b"", flags)


def new(kind: str, options: Iterable[tuple[str, str | None]] = (), attributes: int = HARMLESS) -> int:
    """A new file system, mounted nowhere yet.

    Args:
        kind: As in /proc/filesystems.
        options: Name and value; `None` for those without.
        attributes: Of the mount (`RDONLY`…).

    Raises:
        OSError: the kernel refuses; its text ends with what the file system says about it, where it says something.
    """
    context = libc.call("fsopen", kind.encode("ascii"), 1)
    try:
        for name, value in options:
            if value is None:
                libc.call("fsconfig", context, _FLAG, name.encode("ascii"), None, 0)
            else:
                libc.call("fsconfig", context, _STRING, name.encode("ascii"), os.fsencode(value), 0)
        libc.call("fsconfig", context, _CREATE, None, None, 0)
        return libc.call("fsmount", context, 1, attributes)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}{_said(context)}", kind) from error
    finally:
        os.close(context)


def _said(context: int) -> str:
    try:
        text = os.read(context, _MESSAGE).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return f": {text[2:]}" if text[1:2] == " " else f": {text}"


def attach(mount: int, point: int) -> None:
    """Put a detached mount where `point` names.

    Raises:
        OSError: the kernel refuses: a folder goes on a folder, anything else on something that is no folder.
    """
    libc.call("move_mount", mount, b"", point, b"", _FROM_EMPTY_PATH | _TO_EMPTY_PATH)


def put(root: int, path: str, mount: int) -> None:
    """Put a detached mount on the absolute `path` as seen from the folder `root`."""
    point = inside(root, path)
    try:
        attach(mount, point)
    finally:
        os.close(point)


def restrict(mount: int, attributes: int, *, recursive: bool = False) -> None:
    """Take from a mount, and from those below it where `recursive`: `attributes` are added to what it has."""
    flags = libc.AT_EMPTY_PATH | (libc.AT_RECURSIVE if recursive else 0)
    wanted = _Attributes(attributes, 0, 0, 0)
    libc.call("mount_setattr", mount, b"", flags, wanted, ctypes.sizeof(wanted))


def make_private() -> None:
    """Nothing that is mounted here is seen outside, and nothing that is mounted outside from now on is seen here."""
    wanted = _Attributes(0, 0, _PRIVATE, 0)
    libc.call("mount_setattr", libc.AT_FDCWD, b"/", libc.AT_RECURSIVE, wanted, ctypes.sizeof(wanted))


def detach(path: str) -> None:
    """Take off what is mounted at `path`; it lives on where it is used."""
    libc.call("umount2", os.fsencode(path), _DETACH)


def change_root(root: int) -> None:
    """Make the mount that `root` names the root, and take the old one off with all that is mounted below it."""
    os.fchdir(root)
    # The old root ends up over the new one, at the same place: pivot_root(2), "Notes".
    libc.call("pivot_root", b".", b".")
    detach(".")
    os.chdir("/")
