"""System calls through the C library: what Python itself has no name for.

Everything here acts on the calling thread or process; it is meant for the single-threaded children of a launch.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

from pipelock_linux.syscalls import number

__all__ = [
    "AT_EMPTY_PATH",
    "AT_FDCWD",
    "AT_RECURSIVE",
    "CLONE_NAMESPACES",
    "CLONE_NEWCGROUP",
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWTIME",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "O_PATH",
    "PR_CAPBSET_DROP",
    "PR_CAPBSET_READ",
    "PR_CAP_AMBIENT",
    "PR_CAP_AMBIENT_CLEAR_ALL",
    "PR_GET_NO_NEW_PRIVS",
    "PR_SET_CHILD_SUBREAPER",
    "PR_SET_DUMPABLE",
    "PR_SET_NAME",
    "PR_SET_NO_NEW_PRIVS",
    "PR_SET_PDEATHSIG",
    "PR_SET_SECUREBITS",
    "Argument",
    "call",
    "pointer",
    "prctl",
    "syscall",
]

CLONE_NEWTIME: Final = 0x00000080
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
CLONE_NAMESPACES: Final = (
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
)
"""All kinds but time's: its bit is part of the exit signal in `clone`."""

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_NAME: Final = 15
PR_CAPBSET_READ: Final = 23
PR_CAPBSET_DROP: Final = 24
PR_SET_SECUREBITS: Final = 28
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
PR_GET_NO_NEW_PRIVS: Final = 39
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4

AT_FDCWD: Final = -100
AT_EMPTY_PATH: Final = 0x1000
AT_RECURSIVE: Final = 0x8000
O_PATH: Final = 0o10000000

Argument = int | bytes | None | ctypes.Array[ctypes.c_char] | ctypes.Structure
"""What a call takes: a number of 64 bits, a text that ends in NUL (added), a null pointer, memory (by reference)."""

_library = ctypes.CDLL(None, use_errno=True)
_syscall = _library.syscall
_syscall.restype = ctypes.c_long


def pointer(memory: ctypes.Array[ctypes.c_char] | ctypes.Structure) -> int:
    """The address of `memory`, which must outlive its use."""
    return ctypes.addressof(memory)


def _native(argument: Argument) -> object:
    """An argument as a whole register: a C int would leave the upper half to chance."""
    if argument is None:
        return ctypes.c_void_p(None)
    if isinstance(argument, bytes):
        return ctypes.c_char_p(argument)
    if isinstance(argument, int):
        return ctypes.c_ulong(argument & 0xFFFFFFFFFFFFFFFF)
    return ctypes.byref(argument)


def syscall(nr: int, *args: Argument) -> int:
    """Make the system call number `nr`; at most six arguments.

    Raises:
        OSError: it failed; `errno` says how (`InterruptedError` and the like by number, as usual). The text is the
            system's.
    """
    ctypes.set_errno(0)
    result = int(_syscall(ctypes.c_long(nr), *(_native(one) for one in args)))
    if result == -1:
        number_of_error = ctypes.get_errno()
        raise OSError(number_of_error, os.strerror(number_of_error))
    return result


def call(name: str, *args: Argument) -> int:
    """Make the system call `name` (the kernel's name, as in `syscalls.NUMBERS`).

    Raises:
        OSError: it failed, or this machine is none that we know; its file name is the call's.
    """
    try:
        return syscall(number(name), *args)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, name) from None


def prctl(option: int, arg2: int = 0, arg3: int = 0, arg4: int = 0, arg5: int = 0) -> int:
    """Change or ask something about the calling thread (prctl(2)).

    Raises:
        OSError: it failed.
    """
    return call("prctl", option, arg2, arg3, arg4, arg5)
