from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

import pytest

from pipelock_linux import libc
from pipelock_linux.syscalls import number


def test_a_call_gives_what_the_kernel_gives() -> None:
    assert libc.call("getppid") == os.getppid()
    assert libc.syscall(number("getpid")) == os.getpid()


def test_a_call_that_failed_says_how_and_which() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        libc.call("chroot", b"/nowhere\0")
    assert caught.value.filename == "chroot"
    with pytest.raises(OSError, match=os.strerror(errno.ENOSYS)):
        libc.syscall(100_000)
    with pytest.raises(KeyError):
        libc.call("no such call")


def test_arguments_are_whole_registers() -> None:
    """A number below zero, a text, a null pointer, memory that is written to, and an upper half."""
    assert libc.call("faccessat", libc.AT_FDCWD, b"/", os.R_OK) == 0
    with pytest.raises(OSError, match=os.strerror(errno.EFAULT)):
        libc.call("faccessat", libc.AT_FDCWD, None, os.R_OK)
    where = ctypes.create_string_buffer(4096)
    length = libc.call("getcwd", where, 4096)
    assert where.raw[: length - 1] == os.fsencode(Path.cwd())
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        libc.call("unshare", 1 << 40)


def test_a_structure_goes_by_reference() -> None:
    class Moment(ctypes.Structure):
        _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    moment = Moment()
    assert libc.call("clock_gettime", 1, moment) == 0
    assert moment.seconds > 0
    assert libc.pointer(moment) == ctypes.addressof(moment)


def test_prctl_asks() -> None:
    assert libc.prctl(libc.PR_GET_NO_NEW_PRIVS) in {0, 1}
    with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 7)
