"""A control group of its own for a launched agent: stopped, ended and bounded as one (cgroup v2).

Groups are made where this user may make them: beside the group that we run in, or in it. Freezing and ending need no
controllers, bounds do. The name is `pipelock-` and the launch's id; it is removed at the end, and what a killed
launcher left behind is removed by the next. Source: the kernel's Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pipelock.contain.profile import Limits
from pipelock.model import Wall, WallName, WallState
from pipelock_linux.covers import unescaped
from pipelock_linux.kernel_files import read, write

__all__ = ["Cgroup", "create", "own_folder", "wall"]

_PREFIX: Final = "pipelock-"
_LEFT_SECONDS: Final = 60.0
"""How old an empty group must be to count as left behind."""
_MAX_LEFT: Final = 64
_END_SECONDS: Final = 2.0
_MAX_ROUNDS: Final = 200
_FIX: Final = "start it in a group that is yours: systemd-run --user --scope -p Delegate=yes pipelock sandbox ..."


class Cgroup:
    """One group.

    Attributes:
        path: Its folder.
        missing: Bounds that were wished for and have no controller here (`memory`, `processes`).
    """

    def __init__(self, path: Path, missing: tuple[str, ...] = ()) -> None:
        self.path = path
        self.missing = missing

    def add(self, pid: int) -> None:
        """Move a process here; those that it starts come here too.

        Raises:
            OSError: the kernel refuses.
        """
        write(self.path / "cgroup.procs", str(pid))

    def freeze(self) -> None:
        """Stop all of them. They don't notice.

        Raises:
            OSError: the kernel refuses (before Linux 5.2).
        """
        write(self.path / "cgroup.freeze", "1")

    def thaw(self) -> None:
        """Let them go on."""
        write(self.path / "cgroup.freeze", "0")

    def kill(self) -> None:
        """End all of them at once, frozen or not. Where the kernel can't (before 5.14): one by one, in 200 rounds."""
        try:
            write(self.path / "cgroup.kill", "1")
        except FileNotFoundError:
            self._kill_each()

    def remove(self) -> None:
        """Remove it, when the last process is gone; waits for that 2 seconds. Harmless when it is removed already.

        Raises:
            OSError: there is somebody in it still (`EBUSY`).
        """
        deadline = time.monotonic() + _END_SECONDS
        try:
            with (self.path / "cgroup.events").open("rb") as events:
                poll = select.poll()
                poll.register(events, select.POLLPRI)
                while b"populated 0" not in events.read() and (left := deadline - time.monotonic()) > 0:
                    poll.poll(left * 1000)
                    events.seek(0)
        except FileNotFoundError:
            return
        for inner in sorted(self.path.rglob("*/"), reverse=True):
            with contextlib.suppress(OSError):
                inner.rmdir()
        self.path.rmdir()

    def _kill_each(self) -> None:
        for _ in range(_MAX_ROUNDS):
            with contextlib.suppress(OSError):
                self.thaw()
            pids = (self.path / "cgroup.procs").read_text("ascii").split()
            if not pids:
                return
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)


def create(name: str, limits: Limits) -> Cgroup | None:
    """A new group for the launch with this id; `None` where this user may make none."""
    own = own_folder(read("/proc/self/mountinfo") or "", read("/proc/self/cgroup") or "")
    if own is None:
        return None
    folder, root = own
    bounds = _bounds(limits)
    beside = [] if folder == root else [folder.parent]
    # A group that has processes passes no controllers on, so bounds are to be had beside it rather than in it.
    for parent in [*beside, folder] if bounds else [folder, *beside]:
        if not os.access(parent / "cgroup.procs", os.W_OK):  # of what is around both groups: needed to move a process
            continue
        _sweep(parent)
        path = parent / f"{_PREFIX}{name}"
        try:
            path.mkdir()
        except OSError:
            continue
        return Cgroup(path, tuple(sorted(_bind(path, bounds))))
    return None


def wall(group: Cgroup | None, limits: Limits, *, held: tuple[str, ...] = ()) -> Wall:
    """What stands, in words. Without a group the network's end still ends the session; bounds hold nothing.

    Bounds that something else holds are `held`.
    """
    asked = ", ".join(sorted({what for what, _, _ in _bounds(limits) if group is not None or what not in held}))
    if group is None and not asked:
        return Wall(WallName.CGROUP, WallState.OFF, "this user may make no control groups")
    if group is None:
        return Wall(WallName.CGROUP, WallState.DOWN, f"no control group, so no bounds on {asked}", _FIX)
    missing = [what for what in group.missing if what not in held]
    if missing:
        detail = f"a control group of its own, without bounds on {', '.join(missing)}"
        return Wall(WallName.CGROUP, WallState.PARTLY, detail, _FIX)
    return Wall(WallName.CGROUP, WallState.UP, f"a control group of its own{f': {asked}' if asked else ''}")


def own_folder(mountinfo: str, membership: str) -> tuple[Path, Path] | None:
    """The folder of the group that a process is in, and that of the whole tree; `None` where there is no v2 tree.

    Args:
        mountinfo: The content of /proc/self/mountinfo (proc_pid_mountinfo(5)).
        membership: That of /proc/self/cgroup (cgroups(7)).
    """
    group = next((line[3:] for line in membership.splitlines() if line.startswith("0::")), None)
    if group is None:
        return None
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 6 or after.split(" ")[0] != "cgroup2":
            continue
        root, point = (unescaped(field) for field in fields[3:5])
        inner = _below(root, group)
        if inner is not None:
            return Path(point, inner), Path(point)
    return None


def _below(root: str, group: str) -> str | None:
    """`group` as seen from `root`, without a leading slash; `None` where it lies elsewhere."""
    if root == "/":
        inner = group
    elif group == root or group.startswith(f"{root}/"):
        inner = group[len(root) :]
    else:
        return None
    inner = inner.strip("/")
    return None if ".." in inner.split("/") else inner


def _bounds(limits: Limits) -> list[tuple[str, str, str]]:
    """What is wished for, as (name, file, value)."""
    bounds: list[tuple[str, str, str]] = []
    if limits.processes:
        bounds.append(("processes", "pids.max", str(limits.processes + 1)))  # our own first process is one of them
    if limits.memory:
        bounds += [("memory", "memory.max", str(limits.memory)), ("memory", "memory.swap.max", "0")]
    return bounds


def _bind(path: Path, bounds: Iterable[tuple[str, str, str]]) -> set[str]:
    missing = set()
    for name, file, value in bounds:
        try:
            write(path / file, value)
        except OSError as error:
            # A kernel without swap accounting has no such file, and then there is none to be bounded.
            if file != "memory.swap.max" or error.errno != errno.ENOENT:
                missing.add(name)
    return missing


def _sweep(parent: Path) -> None:
    """Remove what killed launchers left: the kernel lets only empty groups go."""
    with contextlib.suppress(OSError):
        left = [one for one in os.scandir(parent) if one.name.startswith(_PREFIX)]
        for one in left[:_MAX_LEFT]:
            with contextlib.suppress(OSError):
                if time.time() - one.stat().st_mtime > _LEFT_SECONDS:
                    Path(one.path).rmdir()
