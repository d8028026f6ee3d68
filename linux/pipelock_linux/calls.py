"""Calls that a filter holds back: which paths they name, and how a refused one is put into words.

Sources: socket(2), clone(2), open(2), proc(5), `linux/socket.h`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from pipelock.model import Denial, WallName
from pipelock_linux import libc, seccomp

__all__ = ["MAX_PATH", "Call", "Memory", "describe", "paths_of"]

MAX_PATH: Final = 4096
"""Bytes of a path that are read, as in the kernel (`PATH_MAX`)."""
_MAX_STEPS: Final = 256
"""Parts of a path that are looked up; what follows is taken as it is."""
_MAX_LINKS: Final = 40
"""Links that are followed on the way to a file, as in the kernel."""
_PAGE: Final = 4096
_MAX_WHAT: Final = 300
_WORD: Final = 0xFFFFFFFF


class Call(msgspec.Struct, frozen=True):
    """A call that waits.

    Attributes:
        name: The kernel's; `call NUMBER` for one without.
        args: The registers, as unsigned numbers of 64 bits.
    """

    name: str
    args: tuple[int, int, int, int, int, int]


# -- what was refused, in words ----------------------------------------------------------------------------------------

_FAMILIES: Mapping[int, str] = MappingProxyType(
    {1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET", 21: "AF_RDS", 29: "AF_CAN"}
    | {30: "AF_TIPC", 31: "AF_BLUETOOTH", 33: "AF_RXRPC", 38: "AF_ALG", 39: "AF_NFC", 40: "AF_VSOCK", 43: "AF_SMC"}
    | {44: "AF_XDP", 15: "AF_KEY", 4: "AF_IPX", 5: "AF_APPLETALK"}
)
_TYPES: Mapping[int, str] = MappingProxyType(
    {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 4: "SOCK_RDM", 5: "SOCK_SEQPACKET", 10: "SOCK_PACKET"}
)
_NAMESPACES: Mapping[int, str] = MappingProxyType(
    {
        libc.CLONE_NEWUSER: "user",
        libc.CLONE_NEWNS: "mount",
        libc.CLONE_NEWPID: "PID",
        libc.CLONE_NEWNET: "network",
        libc.CLONE_NEWIPC: "IPC",
        libc.CLONE_NEWUTS: "UTS",
        libc.CLONE_NEWCGROUP: "cgroup",
        libc.CLONE_NEWTIME: "time",
    }
)
_NAMED: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "ptrace": (
            "ptrace",
            seccomp.DENIED["ptrace"],
            "run debuggers outside; programs with leak checks run with ASAN_OPTIONS=detect_leaks=0",
        ),
        "seccomp": (
            "seccomp with a listener",
            "whoever answers for a filter could let calls go on that this refuses",
            "",
        ),
        "mknod": ("mknod of a device", "devices are handed in from outside", ""),
        "mknodat": ("mknodat of a device", "devices are handed in from outside", ""),
        "prlimit64": ("prlimit64 of another process", "limits of other programs are not changed from inside", ""),
    }
    | {
        name: (f"{name} with MSG_FASTOPEN", "only one port may be connected to", "let the program use connect")
        for name in ("sendto", "sendmsg", "sendmmsg")
    }
)
_NO_LOCAL_SOCKETS = "local sockets lead to programs outside of the sandbox"
_FIX_LOCAL_SOCKETS = "--unix-socket PATH, for one that it may use, where namespaces stand"
_NO_SOCKETS = "only TCP, UDP and the list of interfaces are to be had"
_DATAGRAM = 2
_ONLY_TCP = "without namespaces, only TCP to the proxy's port goes out"
_FIX_ONLY_TCP = "let the program use the proxy (its variables are set), or allow namespaces on this machine"
_GROUPS: Mapping[str, int] = MappingProxyType({"setpriority": 1, "ioprio_set": 2})
_FIX_PRIORITY = "let the program set the priority of processes, one by one"
_NO_NAMESPACES = "namespaces would give the program rights that the sandbox took away"
_FIX_NAMESPACES = "run the program without a sandbox of its own (browsers: --no-sandbox); this one stays around it"


def describe(call: Call) -> Denial:
    """What is said about a denied call. Only its registers are looked at."""
    what, why, fix = _worded(call)
    return Denial(wall=WallName.SYSCALLS, what=what[:_MAX_WHAT], why=why, fix=fix)


def _worded(call: Call) -> tuple[str, str, str]:
    name, args = call.name, call.args
    if name in {"socket", "socketpair"}:
        return _socket_worded(name, args[0] & _WORD, args[1] & 0xF, args[2] & _WORD)
    if name in {"clone", "unshare"}:
        kinds = [kind for bit, kind in _NAMESPACES.items() if args[0] & bit and (name, kind) != ("clone", "time")]
        return f"{name} into a new {', '.join(kinds)} namespace", _NO_NAMESPACES, _FIX_NAMESPACES
    if name == "ioctl":
        return _request_worded(args[1] & _WORD)
    if name in _GROUPS:
        whose = "a process group" if args[0] & _WORD == _GROUPS[name] else f"kind {args[0] & _WORD}"
        return f"{name} of {whose}", "it would reach the launcher, and what was started with it", _FIX_PRIORITY
    if name == "personality":
        return f"personality {args[0] & _WORD:#x}", "it would make memory easier to attack", ""
    why = seccomp.DENIED.get(name) or seccomp.DENIED_WITHOUT_NAMESPACES.get(name) or "the sandbox does not need it"
    return _NAMED.get(name, (name, why, ""))


def _request_worded(number: int) -> tuple[str, str, str]:
    if number in seccomp.VOLUME_REQUESTS:
        return f"ioctl {seccomp.VOLUME_REQUESTS[number]}", "it would copy what is hidden on the volume, too", ""
    request = seccomp.TERMINAL_REQUESTS.get(number, f"{number:#x}")
    return f"ioctl {request}", "it would act on the terminal as if the user had typed", ""


def _socket_worded(name: str, family: int, kind: int, protocol: int) -> tuple[str, str, str]:
    said = f"{name} {_FAMILIES.get(family, f'family {family}')} {_TYPES.get(kind, f'type {kind}')}"
    if family == seccomp.AF_UNIX:
        return said, _NO_LOCAL_SOCKETS, _FIX_LOCAL_SOCKETS
    if family == seccomp.AF_NETLINK:
        return f"{said} protocol {protocol}", _NO_SOCKETS, ""
    if kind == _DATAGRAM and family in {seccomp.AF_INET, seccomp.AF_INET6}:
        return said, _ONLY_TCP, _FIX_ONLY_TCP
    return said, _NO_SOCKETS, ""


# -- which path a call means -------------------------------------------------------------------------------------------


class _PathArgument(msgspec.Struct, frozen=True):
    """Where a call has a path: the register of its folder (-1: where the process is), and of its text."""

    folder: int
    text: int
    writes: bool


_HERE = -1
_PATHS: Mapping[str, tuple[_PathArgument, ...]] = MappingProxyType(
    {
        name: (_PathArgument(_HERE, 0, writes=True),)
        for name in ("creat", "truncate", "mkdir", "rmdir", "unlink", "chmod", "chown", "lchown", "utime", "utimes")
    }
    | {
        name: (_PathArgument(0, 1, writes=True),)
        for name in ("mkdirat", "unlinkat", "fchmodat", "fchmodat2", "fchownat", "futimesat", "utimensat")
    }
    | {name: (_PathArgument(0, 1, writes=True), _PathArgument(2, 3, writes=True)) for name in ("renameat", "renameat2")}
    | {
        "rename": (_PathArgument(_HERE, 0, writes=True), _PathArgument(_HERE, 1, writes=True)),
        "link": (_PathArgument(_HERE, 0, writes=False), _PathArgument(_HERE, 1, writes=True)),
        "linkat": (_PathArgument(0, 1, writes=False), _PathArgument(2, 3, writes=True)),
        "symlink": (_PathArgument(_HERE, 1, writes=True),),
        "symlinkat": (_PathArgument(1, 2, writes=True),),
        "execve": (_PathArgument(_HERE, 0, writes=False),),
        "execveat": (_PathArgument(0, 1, writes=False),),
        "open": (_PathArgument(_HERE, 0, writes=False),),
        "openat": (_PathArgument(0, 1, writes=False),),
    }
)
_FLAGS: Mapping[str, int] = MappingProxyType({"open": 1, "openat": 2})
"""The register of what an opening is for; it decides whether the path is to be changed."""
_CHANGES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Memory:
    """What a waiting process refers to: read through /proc, and worth nothing until the call is known to wait still.

    Raises:
        OSError: it may not be read.
    """

    def __init__(self, pid: int) -> None:
        self._base = f"/proc/{pid}"
        self._memory = os.open(f"{self._base}/mem", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Done with it."""
        os.close(self._memory)

    def read(self, address: int, size: int) -> bytes:
        """Up to `size` bytes; fewer where the memory ends."""
        if not 0 < address < 1 << 63:
            return b""
        return os.pread(self._memory, size, address)

    def text(self, address: int) -> str:
        """A text that ends in NUL, page by page, as the next page may not be there.

        Raises:
            OSError: it can't be read, or has no end within `MAX_PATH` bytes.
        """
        found = b""
        while len(found) < MAX_PATH:
            size = min(_PAGE - (address + len(found)) % _PAGE, MAX_PATH - len(found))
            page = self.read(address + len(found), size)
            if not page:
                break
            text, end, _ = page.partition(b"\0")
            found += text
            if end:
                return os.fsdecode(found)
        raise OSError(errno.EFAULT, "no text there")

    def folder(self, descriptor: int) -> str:
        """The path of an open folder, or of the one that the process is in, as it sees them."""
        number = (descriptor & _WORD) - (1 << 32 if descriptor & 1 << 31 else 0)
        link = "cwd" if number == libc.AT_FDCWD else f"fd/{number}"
        return str(Path(f"{self._base}/{link}").readlink())

    def resolved(self, path: str) -> str:
        """`path` with its links followed inside the process's own root; what is not there is taken as it is."""
        todo = [part for part in reversed(path.split("/")) if part not in {"", "."}]
        done = "/"
        links = 0
        for _ in range(_MAX_STEPS):
            if not todo:
                return done
            part = todo.pop()
            if part == "..":
                done = posixpath.dirname(done)
                continue
            step = posixpath.join(done, part)
            target = ""
            if links < _MAX_LINKS:
                with contextlib.suppress(OSError):
                    target = str(Path(f"{self._base}/root{step}").readlink())
            if not target:
                done = step
                continue
            links += 1
            done = "/" if target.startswith("/") else done
            todo += [word for word in reversed(target.split("/")) if word not in {"", "."}]
        return posixpath.normpath(posixpath.join(done, *reversed(todo)))


def paths_of(call: Call, memory: Memory) -> list[tuple[str, bool]]:
    """The paths that a call names, absolute and resolved, and whether they are to be changed.

    Raises:
        OSError: the process's memory can't be read.
    """
    found: list[tuple[str, bool]] = []
    for argument in _PATHS.get(call.name, ()):
        if not call.args[argument.text]:
            # utimensat and the like then mean what is open already.
            continue
        flags = _flags(call)
        if flags & libc.O_PATH:
            continue
        text = memory.text(call.args[argument.text])
        if not text:
            continue
        folder = call.args[argument.folder] if argument.folder != _HERE else libc.AT_FDCWD & _WORD
        path = text if text.startswith("/") else posixpath.join(memory.folder(folder), text)
        found.append((memory.resolved(path), argument.writes or bool(flags & _CHANGES)))
    return found


def _flags(call: Call) -> int:
    if call.name in _FLAGS:
        return call.args[_FLAGS[call.name]] & _WORD
    return 0
