"""Answers for calls that the filter holds back: denied, and told in words.

A held call waits in the kernel until it is answered. Those of the policy's tables are refused, always: what is read
about them (numbers in registers, which nobody can change meanwhile) only makes the message. Calls with paths are let go
on, always: the path is read from memory that other threads may change, so it is fit for telling and for nothing else;
what they may do is decided by the file system and Landlock. No answer depends on what an agent could forge.

When nobody answers any more, the kernel does: ENOSYS.

Sources: seccomp_unotify(2), `linux/seccomp.h`, socket(2), clone(2).
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from pipelock.model import Denial
from pipelock_linux import libc, seccomp
from pipelock_linux.calls import Call, Memory, describe, paths_of
from pipelock_linux.syscalls import machine, names

__all__ = ["Explain", "Notifier"]

Explain = Callable[[str, bool], Denial | None]
"""Takes an absolute path as the agent sees it, links resolved, and whether it is to be changed. `None`: nothing refuses
that, or there is nothing to be said."""

_MAX_WHAT: Final = 300

_RECEIVE: Final = 0
_SEND: Final = 1
_ID_VALID: Final = 0x40082102
_SET_FLAGS: Final = 0x40082104
_SYNC_WAKE_UP: Final = 1
_CONTINUE: Final = 1
_REQUEST: Final = struct.Struct("=QIIiIQ6Q")
_RESPONSE: Final = struct.Struct("=QqiI")


class _Request(msgspec.Struct, frozen=True):
    id: int
    pid: int
    call: Call


class Notifier:
    """Answers calls that wait at a filter's listener.

    Args:
        listener: Its descriptor; belongs to the notifier from here on.
        explain: What is said about paths; needs a filter that was made with `explain`.
    """

    def __init__(self, listener: int, explain: Explain | None = None) -> None:
        self._listener = listener
        self._explain = explain
        request, response = _sizes()
        self._request = bytearray(request)
        self._response_size = response
        self._receive = _ioctl_number(_RECEIVE, request)
        self._send = _ioctl_number(_SEND, response)
        self._names = names(machine())
        with contextlib.suppress(OSError):
            # From Linux 6.6 on: we run where the caller ran, which then waits. Takes a third to a half less time.
            fcntl.ioctl(listener, _SET_FLAGS, _SYNC_WAKE_UP)
        self._poll = select.poll()
        self._poll.register(listener, select.POLLIN)

    def fileno(self) -> int:
        """For waiting until a call waits."""
        return self._listener

    def close(self) -> None:
        """Answer no more: from now on the kernel does."""
        if self._listener >= 0:
            os.close(self._listener)
            self._listener = -1

    def handle(self) -> Denial | None:
        """Answer one call, if one waits. Never waits itself.

        Returns:
            What is to be told; `None` where nothing was refused.

        Raises:
            OSError: no process is left behind the filter.
        """
        try:
            return self._handled()
        except OSError:
            # Whoever still waits would wait for ever.
            self.close()
            raise

    def _handled(self) -> Denial | None:
        request = self._received()
        if request is None:
            return None
        if request.call.name in seccomp.OBSERVED:
            try:
                return self._observed(request)
            finally:
                self._answer(request.id, flags=_CONTINUE)
        program = _program(request.pid)
        self._answer(request.id, error=errno.EPERM)
        return _by(describe(request.call), program)

    def _received(self) -> _Request | None:
        ready = dict(self._poll.poll(0)).get(self._listener, 0)
        if not ready & select.POLLIN:
            if ready:
                raise OSError(errno.ENOENT, "no process is left behind the filter")
            return None
        # The kernel insists on an empty one.
        self._request[:] = bytes(len(self._request))
        try:
            fcntl.ioctl(self._listener, self._receive, self._request)
        except (FileNotFoundError, InterruptedError):
            # Its process ended, or a signal took it out of its wait.
            return None
        number, pid, _flags, nr, _arch, _ip, *args = _REQUEST.unpack_from(self._request)
        a, b, c, d, e, f = args
        return _Request(number, pid, Call(self._names.get(nr, f"call {nr}"), (a, b, c, d, e, f)))

    def _answer(self, number: int, *, error: int = 0, flags: int = 0) -> None:
        response = bytearray(self._response_size)
        _RESPONSE.pack_into(response, 0, number, 0, -error, flags)
        with contextlib.suppress(FileNotFoundError, InterruptedError):
            fcntl.ioctl(self._listener, self._send, response)

    def _observed(self, request: _Request) -> Denial | None:
        if self._explain is None:
            return None
        try:
            memory = Memory(request.pid)
        except OSError:
            return None
        try:
            paths = paths_of(request.call, memory)
            program = _program(request.pid)
            if not self._is_waiting(request.id):
                return None
        except (OSError, ValueError):
            return None
        finally:
            memory.close()
        for path, writes in paths:
            denial = self._explain(path, writes)
            if denial is not None:
                return _by(denial, program)
        return None

    def _is_waiting(self, number: int) -> bool:
        """Whether the call still waits, so that the number of its process was its own all the time."""
        try:
            fcntl.ioctl(self._listener, _ID_VALID, struct.pack("=Q", number))
        except OSError:
            return False
        return True


def _by(denial: Denial, program: str) -> Denial:
    """The denial of a program, fit to be sent: names of files need not be text."""
    what = denial.what.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return msgspec.structs.replace(denial, what=what[:_MAX_WHAT], program=program)


def _program(pid: int) -> str:
    """The program's name as the kernel keeps it, at most 15 bytes; whoever runs can choose it."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except OSError:
        return ""


def _sizes() -> tuple[int, int]:
    """What this kernel takes for a request and a response, at least what is known here (SECCOMP_GET_NOTIF_SIZES)."""
    sizes = ctypes.create_string_buffer(6)
    libc.call("seccomp", 3, 0, sizes)
    request, response, _data = struct.unpack("=3H", sizes.raw)
    return max(request, _REQUEST.size), max(response, _RESPONSE.size)


def _ioctl_number(number: int, size: int) -> int:
    """`SECCOMP_IOWR(number, size)`."""
    return 3 << 30 | size << 16 | ord("!") << 8 | number
