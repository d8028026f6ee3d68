"""Privileges that a process gives up for good: capabilities, set-uid programs, the user's key ring, room to grow.

Sources: capabilities(7), prctl(2), capget(2), `linux/capability.h`, `linux/securebits.h`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import struct
from typing import Final

from pipelock.contain.profile import Limits
from pipelock.model import Wall, WallName, WallState
from pipelock_linux import libc

__all__ = ["PrivilegeError", "counts_processes", "drop", "held", "limits", "no_new_privileges"]

_VERSION: Final = 0x20080522
"""`_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits in two halves."""
_SETS: Final = struct.Struct("=6I")
_MOST_CAPABILITIES: Final = 64
_SECURE_BITS: Final = 0x01 | 0x02 | 0x04 | 0x08 | 0x20 | 0x40 | 0x80
"""NOROOT, NO_SETUID_FIXUP, NO_CAP_AMBIENT_RAISE, and each of the four bits locked: user 0 is a user like any other."""
_JOIN_SESSION_KEYRING: Final = 1


class PrivilegeError(OSError):
    """Something could not be given up."""


def no_new_privileges() -> None:
    """Let no program that is run from here on have more rights than its caller (PR_SET_NO_NEW_PRIVS).

    Raises:
        OSError: it could not be done.
    """
    libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)


def drop() -> None:
    """Give up all capabilities: ambient, bounding, permitted, effective, inheritable; and what would bring them back.

    A process that may not narrow its bounding set (it has no CAP_SETPCAP) has none of them to begin with, and
    `no_new_privileges` keeps it so. The key ring of the session is left as well: a new one, empty, takes its place.

    Raises:
        PrivilegeError: some are left.
    """
    with contextlib.suppress(OSError):
        # No kernel support, or no room left for this user: nothing inside may call keyctl anyway.
        libc.call("keyctl", _JOIN_SESSION_KEYRING, None)
    _clear_ambient()
    if _allowed(libc.PR_SET_SECUREBITS, _SECURE_BITS):
        for capability in range(_MOST_CAPABILITIES):
            if not _has(capability):
                break
            libc.prctl(libc.PR_CAPBSET_DROP, capability)
        left = [number for number in range(_MOST_CAPABILITIES) if _is_bounding(number)]
        if left:
            raise PrivilegeError(errno.EPERM, f"capabilities stay in the bounding set: {left}")
    libc.call("capset", struct.pack("=Ii", _VERSION, 0), _SETS.pack(0, 0, 0, 0, 0, 0))
    if any(held()):
        raise PrivilegeError(errno.EPERM, "capabilities are left after all were given up")


def held() -> tuple[int, int, int]:
    """The calling thread's capabilities: effective, permitted, inheritable, as bits.

    Raises:
        OSError: they could not be read.
    """
    sets = ctypes.create_string_buffer(_SETS.size)
    libc.call("capget", struct.pack("=Ii", _VERSION, 0), sets)
    low_e, low_p, low_i, high_e, high_p, high_i = _SETS.unpack(sets.raw)
    return low_e | high_e << 32, low_p | high_p << 32, low_i | high_i << 32


def _clear_ambient() -> None:
    libc.prctl(libc.PR_CAP_AMBIENT, libc.PR_CAP_AMBIENT_CLEAR_ALL)


def _allowed(option: int, argument: int) -> bool:
    """Whether what takes CAP_SETPCAP could be done."""
    try:
        libc.prctl(option, argument)
    except PermissionError:
        return False
    return True


def _has(capability: int) -> bool:
    """Whether this kernel knows the capability."""
    try:
        libc.prctl(libc.PR_CAPBSET_READ, capability)
    except OSError:
        return False
    return True


def _is_bounding(capability: int) -> bool:
    try:
        return libc.prctl(libc.PR_CAPBSET_READ, capability) == 1
    except OSError:
        return False


_COUNTED_SINCE: Final = (5, 14)
"""From this Linux on a user's processes are counted apart in each user namespace (user_namespaces(7))."""


def counts_processes() -> bool:
    """Whether the kernel can hold the number of processes in a user namespace of their own; root's it never holds."""
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    known = all(one.isdecimal() for one in numbers) and len(numbers) == 2
    return os.getuid() != 0 and known and tuple(map(int, numbers)) >= _COUNTED_SINCE


def limits(wanted: Limits, *, own_users: bool = False) -> Wall:
    """Set the limits that hold for one process: open files, bytes of a file, no core dumps (they hold memory).

    What the caller may not exceed itself stays. Limits of all processes together take a cgroup, but for their number
    where `counts_processes`.

    Args:
        wanted: 0 is no limit.
        own_users: Whether the caller is in a user namespace of its own; elsewhere all the user's processes count.

    Raises:
        OSError: a limit could not be set.
    """
    _lower(resource.RLIMIT_CORE, 0)
    said = ["no core dumps"]
    if wanted.files:
        said.append(f"{_lower(resource.RLIMIT_NOFILE, wanted.files)} open files")
    if wanted.file_size:
        said.append(f"files of {_lower(resource.RLIMIT_FSIZE, wanted.file_size)} bytes")
    if wanted.processes and own_users and counts_processes():
        # Our own first process is one of them.
        said.append(f"{_lower(resource.RLIMIT_NPROC, wanted.processes + 1) - 1} processes")
    return Wall(WallName.LIMITS, WallState.UP, ", ".join(said))


def _lower(which: int, value: int) -> int:
    """Set a limit for good; never above the one that holds. Returns what holds now."""
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))
    return value
