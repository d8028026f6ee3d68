"""Namespaces of its own for a launched process: user, network, mounts, processes, IPC, host name, cgroups.

The process that enters them is told who it is by its parent (`map_identity`): itself, under its own number. So it has
all capabilities over what the new namespaces own until it runs another program, and none over anything else.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pipelock.contain.launching import LaunchError
from pipelock.model import Wall, WallName, WallState
from pipelock_linux import kernel_files, libc

__all__ = ["WallError", "enter", "fix_for", "map_identity", "refused"]

_WITHOUT: Final = (0, libc.CLONE_NEWCGROUP, libc.CLONE_NEWCGROUP | libc.CLONE_NEWIPC)
"""What is done without, in this order, where a kernel was built without it."""

_APPARMOR: Final = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
_DEBIAN: Final = "/proc/sys/kernel/unprivileged_userns_clone"
_MAXIMUM: Final = "/proc/sys/user/max_user_namespaces"
_STATUS: Final = "/proc/self/status"
_LABEL: Final = "/proc/self/attr/current"


class WallError(LaunchError):
    """A wall that can't be raised. The text says what was tried and what the system answered."""

    def down(self) -> Wall:
        """It as a wall that does not stand."""
        return Wall(self.wall, WallState.DOWN, str(self), self.fix)


def enter() -> tuple[Wall, ...]:
    """Leave all namespaces of the caller's for new ones; its next child is the first process of the new table.

    The caller has one thread. Until its parent has called `map_identity` it is nobody.

    Returns:
        The wall that stands by this alone (IPC). The others need what is built inside.

    Raises:
        WallError: the kernel refuses; about the network, which can't do without.
    """
    for without in _WITHOUT:
        try:
            libc.call("unshare", libc.CLONE_NAMESPACES & ~without)
        except OSError as error:
            if error.errno == errno.EINVAL and without != _WITHOUT[-1]:
                continue
            raise refused("making namespaces", error) from error
        if without & libc.CLONE_NEWIPC:
            return (Wall(WallName.IPC, WallState.DOWN, "this kernel has no IPC namespaces"),)
        break
    return (Wall(WallName.IPC, WallState.UP, "System V IPC and message queues of its own"),)


def map_identity(pid: int) -> None:
    """Tell a child that has entered its namespaces who it is: the caller's user and group, under the same numbers.

    Raises:
        WallError: the kernel refuses.
        ProcessLookupError: there is no such process.
    """
    process = Path("/proc", str(pid))
    uid, gid = os.geteuid(), os.getegid()
    try:
        kernel_files.write(process / "setgroups", "deny")  # without it no group may be mapped by who is not root
        kernel_files.write(process / "uid_map", f"{uid} {uid} 1\n")
        kernel_files.write(process / "gid_map", f"{gid} {gid} 1\n")
    except FileNotFoundError:
        raise ProcessLookupError(errno.ESRCH, "the process has ended", str(process)) from None
    except ProcessLookupError:
        raise
    except OSError as error:
        refusal = refused(f"mapping user {uid}", error)
        if uid == 0 and error.errno == errno.EPERM and not refusal.fix:
            refusal.fix = "for root this takes the capability CAP_SETFCAP: keep it, or run as an ordinary user"
        raise refusal from error


def refused(what: str, error: OSError) -> WallError:
    """The error for a step of the network's wall that the kernel refused."""
    reason = error.strerror or str(error)
    return WallError(WallName.NETWORK, f"{what} was refused ({reason})", fix_for(error))


def fix_for(error: OSError, read: Callable[[str], str | None] | None = None) -> str:
    """What would make the kernel grant namespaces to this user, by what the system says about itself.

    Args:
        error: What it answered.
        read: Gives the content of a file of /proc, `None` where there is none.
    """
    setting = read or kernel_files.read
    cases = (
        (
            error.errno == errno.EINVAL,
            "the kernel lacks a kind of namespace (CONFIG_USER_NS, CONFIG_NET_NS, CONFIG_PID_NS)",
        ),
        (
            _number(setting(_MAXIMUM)) == 0,
            "user namespaces are switched off: sysctl -w user.max_user_namespaces=15000",
        ),
        (
            error.errno == errno.ENOSPC,
            "there are too many namespaces: raise user.max_user_namespaces or user.max_net_namespaces",
        ),
        (
            _number(setting(_DEBIAN)) == 0 and os.geteuid() != 0,
            "user namespaces are for root alone here: sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        (
            _number(setting(_APPARMOR)) not in {None, 0},
            (
                "AppArmor restricts user namespaces here: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or "
                "a profile that allows userns to Pipelock alone (docs/troubleshooting.md)"
            ),
        ),
        (
            "(enforce)" in (setting(_LABEL) or ""),
            (
                f"the AppArmor profile {(setting(_LABEL) or '').split(' ')[0]} holds this process: allow userns, mount "
                "and pivot_root in it (docker run --security-opt apparmor=PROFILE)"
            ),
        ),
        (
            _filtered(setting(_STATUS) or ""),
            (
                "a seccomp filter around this process forbids namespaces, as containers' do: allow unshare, mount "
                "and pivot_root in it (docker run --security-opt seccomp=FILE)"
            ),
        ),
    )
    return next((fix for holds, fix in cases if holds), "")


def _filtered(status: str) -> bool:
    return any(line.split()[1:2] == ["2"] for line in status.splitlines() if line.startswith("Seccomp:"))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdecimal() else None
