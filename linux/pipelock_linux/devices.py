"""The few devices that programs need: the host's own harmless ones, and pseudo-terminals that are nobody else's."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Final

from pipelock.model import Wall, WallName, WallState
from pipelock_linux import mount_calls
from pipelock_linux.mount_calls import HARMLESS, NOEXEC, NOSUID

__all__ = ["LINKS", "NODES", "is_ours", "mount_devices", "open_nodes", "operators_terminal"]

NODES: Final = ("full", "null", "random", "tty", "urandom", "zero")
"""Those of the host that are there: none keeps anything, none is hardware. `tty` is whatever terminal one has."""

LINKS: Final = (
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
)
_FOLDERS: Final = ("pts", "shm")
_CONSOLE: Final = "console"
_OURS: Final = frozenset(
    ["/dev", "/dev/pts", *(f"/dev/{name}" for name in (*NODES, *(name for name, _ in LINKS), _CONSOLE))]
)
_SIZE: Final = (("mode", "0755"), ("size", "64k"), ("nr_inodes", "512"))


def is_ours(path: str) -> bool:
    """Whether an absolute path is one of those that `mount_devices` makes."""
    return path in _OURS or path.startswith("/dev/pts/")


def operators_terminal() -> int | None:
    """A descriptor that names the terminal we were started in; `None` without one."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            return mount_calls.reach(os.ttyname(descriptor))
    return None


def open_nodes() -> dict[str, int]:
    """Descriptors that name the host's devices, by name; those that it has."""
    found: dict[str, int] = {}
    for name in NODES:
        with contextlib.suppress(OSError):
            found[name] = mount_calls.reach(f"/dev/{name}")
    return found


def mount_devices(root: int, nodes: Mapping[str, int], terminal: int | None) -> tuple[int, Wall]:
    """Make the folder `/dev` in the new root that `root` names, where it is an empty folder.

    Args:
        root: The new root.
        nodes: From `open_nodes`.
        terminal: From `operators_terminal`: it becomes the console, so that programs find its name.

    Returns:
        The mount, to be made read-only when everything is in place, and the wall.

    Raises:
        OSError: the kernel refuses.
    """
    devices = mount_calls.new("tmpfs", _SIZE, NOSUID | NOEXEC)
    for name in _FOLDERS:
        os.mkdir(name, 0o755, dir_fd=devices)
    for name, target in LINKS:
        os.symlink(target, name, dir_fd=devices)
    sources = dict(nodes) if terminal is None else {**nodes, _CONSOLE: terminal}
    for name in sources:
        os.mknod(name, 0o600, dir_fd=devices)
    mount_calls.put(root, "/dev", devices)
    for name, source in sources.items():
        _put(root, f"/dev/{name}", mount_calls.clone(source, recursive=False))
    _put(root, "/dev/pts", mount_calls.new("devpts", (("ptmxmode", "0666"), ("mode", "0620")), NOSUID | NOEXEC))
    _put(root, "/dev/shm", mount_calls.new("tmpfs", (("mode", "1777"),), HARMLESS))  # noqa: S108 - its place
    return devices, Wall(WallName.DEVICES, WallState.UP, f"{', '.join(sorted(nodes))}; pseudo-terminals of its own")


def _put(root: int, path: str, mount: int) -> None:
    try:
        mount_calls.restrict(mount, NOSUID)
        mount_calls.put(root, path, mount)
    finally:
        os.close(mount)
