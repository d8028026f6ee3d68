"""The filter of system calls: what an agent never needs and what attacks on the kernel are made of.

Three answers. *Allowed*: everything that is not listed. *Denied*: EPERM, told to the launcher where it listens.
*Absent*: ENOSYS, as in a kernel that was built without it, for what programs have another way for, and for every call
that is newer than this list. The tables below are the whole policy; `program` turns them into BPF.

Numbers are found by a balanced search, and kernels from 5.11 on remember for each number whether it is always allowed,
so that the calls which matter for speed cost nothing.

Arguments are compared by their low 32 bits wherever the kernel itself takes an `int`: who looks at all 64 bits can be
passed by setting an upper one.

Sources: `linux/seccomp.h`, `linux/audit.h`, seccomp(2), seccomp_unotify(2).
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from pipelock_linux.bpf import Assembler, Condition
from pipelock_linux.libc import CLONE_NAMESPACES, CLONE_NEWTIME, call, pointer
from pipelock_linux.syscalls import AUDIT_ARCH, NUMBERS

__all__ = [
    "ABSENT",
    "AF_INET",
    "AF_INET6",
    "AF_NETLINK",
    "AF_UNIX",
    "DENIED",
    "DENIED_WITHOUT_NAMESPACES",
    "OBSERVED",
    "TERMINAL_REQUESTS",
    "VOLUME_REQUESTS",
    "InetUse",
    "Returns",
    "can_notify",
    "checked",
    "load",
    "program",
]


class InetUse(Enum):
    """Which internet sockets may be made."""

    ALL = "all"
    """TCP and UDP: the network namespace leads nowhere but to our listeners."""
    TCP_ONLY = "TCP only"
    """The host's network behind Landlock's ports, which knows TCP's `connect` and nothing else: so nothing else may be
    done. No UDP, no other transport, no connecting by sending, no listening; nor what namespaces would have kept apart:
    local sockets (all of the host's could be reached, up to those that give everything away), shared memory of the
    user's other programs, their limits."""


class Returns:
    """What a filter answers (`SECCOMP_RET_*`); an errno is added to `ERROR`."""

    KILL: Final = 0x80000000
    ERROR: Final = 0x00050000
    NOTIFY: Final = 0x7FC00000
    ALLOW: Final = 0x7FFF0000


_REASONS = {
    "the sandbox's file system is not changed from inside": (
        "mount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick "
        "mount_setattr open_by_handle_at swapon swapoff quotactl quotactl_fd acct"
    ),
    "a sandbox's namespaces are not left": "setns",
    "programs inside do not read or steer each other's memory": (
        "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp move_pages migrate_pages"
    ),
    "programs for the kernel come from outside": (
        "bpf perf_event_open init_module finit_module delete_module kexec_load kexec_file_load"
    ),
    "it is a well-worn tool of attacks on the kernel": "userfaultfd",
    "the kernel's key rings belong to the user": "add_key request_key keyctl",
    "it watches files beyond the sandbox": "fanotify_init fanotify_mark",
    "the machine itself is not changed": (
        "reboot syslog settimeofday clock_settime adjtimex clock_adjtime sethostname setdomainname vhangup iopl ioperm "
        "lsm_set_self_attr"
    ),
}

DENIED: Mapping[str, str] = MappingProxyType({name: why for why, names in _REASONS.items() for name in names.split()})
"""Calls that are denied whatever their arguments, and why."""

_SHARED_MEMORY = "shmget shmat shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl mq_open"

DENIED_WITHOUT_NAMESPACES: Mapping[str, str] = MappingProxyType(
    {
        "listen": "only one port may be connected to, and none listened on",
        **dict.fromkeys(_SHARED_MEMORY.split(), "it is shared with the user's other programs"),
    }
)
"""Denied besides with `InetUse.TCP_ONLY`. Landlock sees no `listen` without `bind`, and others could connect to it."""

_MODES: Mapping[str, tuple[int, int | None]] = MappingProxyType(
    {
        "chmod": (1, None),
        "fchmod": (1, None),
        "fchmodat": (2, None),
        "fchmodat2": (2, None),
        "creat": (1, None),
        "open": (2, 1),
        "openat": (3, 2),
    }
)
"""Calls that give a file its mode: the register of the mode, and that of the flags which say whether it is one at all.

Inside nobody's rights grow by set-user-ID programs; outside, a file that is left in the workspace would give the user's
rights to everybody who runs it."""

_ABSENT_NAMES = (
    # Its flags lie in memory, out of a filter's sight: C libraries then use clone.
    "clone3 "
    # Its mode lies in memory, too: programs then use openat.
    "openat2 "
    # They do what other calls do, sockets included, past every filter.
    "io_uring_setup io_uring_enter io_uring_register "
    # Obsolete, or compiled out of most kernels.
    "_sysctl uselib create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall tuxcall "
    "security vserver epoll_ctl_old epoll_wait_old lookup_dcookie modify_ldt sysfs"
)

ABSENT = frozenset(_ABSENT_NAMES.split())
"""Calls that answer ENOSYS."""

_OBSERVED_NAMES = (
    "open openat creat execve execveat truncate mkdir mkdirat rmdir unlink unlinkat rename renameat "
    "renameat2 link linkat symlink symlinkat chmod fchmodat fchmodat2 chown lchown fchownat utime utimes "
    "futimesat utimensat"
)

OBSERVED = frozenset(_OBSERVED_NAMES.split())
"""Calls with paths, which are looked at and then go on when refusals are to be explained. What is denied of them never
comes so far: what is looked at decides nothing."""

AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10
AF_NETLINK: Final = 16
_STREAM, _DATAGRAM, _SEQUENCED = 1, 2, 5
_SOCKET_TYPE: Final = 0xF
"""The other bits of a type are flags (SOCK_CLOEXEC, SOCK_NONBLOCK)."""
_TCP_PROTOCOLS: Final = (0, 6)
_PROTOCOLS: Final = (0, 6, 17, 1, 58)
"""Whichever fits the type, TCP, UDP, ICMP, ICMPv6 (the unprivileged pings). Not MPTCP and SCTP: Landlock's ports do not
hold for them, and all that use them fall back when they are not there."""
_NETLINK_ROUTE: Final = 0
_MSG_FASTOPEN: Final = 0x20000000

TERMINAL_REQUESTS: Mapping[int, str] = MappingProxyType(
    {0x5412: "TIOCSTI", 0x541C: "TIOCLINUX", 0x5423: "TIOCSETD", 0x541D: "TIOCCONS"}
)
"""Types into a terminal, pastes into it, changes its driver, takes the system console's output."""

VOLUME_REQUESTS: Mapping[int, str] = MappingProxyType(
    {0x50009401: "BTRFS_IOC_SNAP_CREATE", 0x50009417: "BTRFS_IOC_SNAP_CREATE_V2"}
)
"""Copy a volume, which kernels before 6.8 let anybody do who owns any folder of it: with all that is hidden in it, into
a folder that may be read."""

_PERSONALITIES: Final = (0x0, 0x8, 0xFFFFFFFF)
"""PER_LINUX, PER_LINUX32, the question. Others make memory executable or undo randomness."""

_PRIORITY_OF_PROCESS, _PRIORITY_OF_USER = 0, 2
_IO_PRIORITY_OF_PROCESS, _IO_PRIORITY_OF_USER = 1, 3
"""What lies between is the process group: it is the launcher's, too, and that of all that was started with it. Of the
user's processes the kernel takes those of the same PID namespace."""

_FORMAT: Final = 0o170000
_DEVICE_FORMATS: Final = (0o020000, 0o060000)

_SET_USER_ID: Final = 0o4000
_MAKES: Final = 0o100 | 0o20000000
"""O_CREAT, and O_TMPFILE without the bit for folders: without either, a mode means nothing."""

_NEW_LISTENER: Final = 1 << 3

_ALLOW, _DENY, _ABSENT, _OBSERVE = "allow", "deny", "absent", "observe"
_REFUSE, _NO_PROTOCOL, _KILL = "refuse", "no protocol", "kill"


class _Checks(Assembler):
    """The checks of arguments. Each is named by its call and ends in one of the results."""

    def argument(self, index: int) -> None:
        """Load the low half of an argument (both machines are little-endian)."""
        self.load(16 + 8 * index)

    def allow_only(self, values: tuple[int, ...], otherwise: str = _DENY) -> None:
        for value in values[:-1]:
            self.branch(Condition.EQUAL, value, _ALLOW)
        self.branch(Condition.EQUAL, values[-1], _ALLOW, otherwise)

    def deny_bits(self, index: int, bits: int) -> None:
        self.argument(index)
        self.branch(Condition.ANY_BIT, bits, _DENY, _ALLOW)

    def socket(self, *, unix_sockets: bool, inet: InetUse) -> None:
        self.argument(0)
        self.branch(Condition.EQUAL, AF_INET, "internet socket")
        self.branch(Condition.EQUAL, AF_INET6, "internet socket")
        if unix_sockets:
            self.branch(Condition.EQUAL, AF_UNIX, _ALLOW)
        self.branch(Condition.EQUAL, AF_NETLINK, "", _DENY)
        self.argument(2)
        self.allow_only((_NETLINK_ROUTE,))
        self.label("internet socket")
        self.argument(1)
        self.keep(_SOCKET_TYPE)
        if inet is InetUse.ALL:
            self.branch(Condition.EQUAL, _DATAGRAM, "internet protocol")
        self.branch(Condition.EQUAL, _STREAM, "", _DENY)
        self.label("internet protocol")
        self.argument(2)
        self.allow_only(_PROTOCOLS if inet is InetUse.ALL else _TCP_PROTOCOLS, _NO_PROTOCOL)

    def socketpair(self, *, unix_sockets: bool) -> None:
        self.argument(0)
        if unix_sockets:
            self.allow_only((AF_UNIX,))
            return
        self.branch(Condition.EQUAL, AF_UNIX, "", _DENY)
        self.argument(1)
        self.keep(_SOCKET_TYPE)
        # Not datagrams: an end of such a pair can be connected anew, to any socket on disk.
        self.allow_only((_STREAM, _SEQUENCED))

    def ioctl(self) -> None:
        self.argument(1)
        for request in (*TERMINAL_REQUESTS, *VOLUME_REQUESTS):
            self.branch(Condition.EQUAL, request, _DENY)
        self.go(_ALLOW)

    def mode(self, index: int, flags: int | None, passed: str) -> None:
        if flags is not None:
            self.argument(flags)
            self.branch(Condition.ANY_BIT, _MAKES, "", passed)
        self.argument(index)
        self.branch(Condition.ANY_BIT, _SET_USER_ID, _REFUSE, passed)

    def device(self, index: int) -> None:
        self.argument(index)
        self.branch(Condition.ANY_BIT, _SET_USER_ID, _REFUSE)
        self.keep(_FORMAT)
        for kind in _DEVICE_FORMATS:
            self.branch(Condition.EQUAL, kind, _DENY)
        self.go(_ALLOW)

    def personality(self) -> None:
        self.argument(0)
        self.allow_only(_PERSONALITIES)

    def priority(self, process: int, user: int, inet: InetUse) -> None:
        self.argument(0)
        self.allow_only((process, user) if inet is InetUse.ALL else (process,))

    def own_limits(self) -> None:
        self.argument(0)
        self.allow_only((0,))


def _checks(*, unix_sockets: bool, inet: InetUse) -> dict[str, Callable[[_Checks], None]]:
    """By the call's name: what writes its check."""
    checks: dict[str, Callable[[_Checks], None]] = {
        # Time's namespace has no bit of its own there: it is part of the exit signal.
        "clone": lambda a: a.deny_bits(0, CLONE_NAMESPACES),
        "unshare": lambda a: a.deny_bits(0, CLONE_NAMESPACES | CLONE_NEWTIME),
        "ioctl": _Checks.ioctl,
        "socket": lambda a: a.socket(unix_sockets=unix_sockets, inet=inet),
        "socketpair": lambda a: a.socketpair(unix_sockets=unix_sockets),
        "personality": _Checks.personality,
        # Of two filters that tell, the younger one's listener is asked: it could let go on what ours holds back, if
        # ever ours were closed.
        "seccomp": lambda a: a.deny_bits(1, _NEW_LISTENER),
        "setpriority": lambda a: a.priority(_PRIORITY_OF_PROCESS, _PRIORITY_OF_USER, inet),
        "ioprio_set": lambda a: a.priority(_IO_PRIORITY_OF_PROCESS, _IO_PRIORITY_OF_USER, inet),
        "mknod": lambda a: a.device(1),
        "mknodat": lambda a: a.device(2),
    }
    if inet is InetUse.TCP_ONLY:
        # To send with this flag is to connect, which Landlock does not see.
        checks["sendto"] = checks["sendmmsg"] = lambda a: a.deny_bits(3, _MSG_FASTOPEN)
        checks["sendmsg"] = lambda a: a.deny_bits(2, _MSG_FASTOPEN)
        checks["prlimit64"] = _Checks.own_limits
    return checks


def checked(inet: InetUse) -> frozenset[str]:
    """Calls that are denied by their arguments."""
    return frozenset(_checks(unix_sockets=True, inet=inet))


def program(*, unix_sockets: bool, inet: InetUse, notify: bool, machine: str, explain: bool = False) -> bytes:
    """The filter, as an array of `struct sock_filter`.

    Args:
        unix_sockets: Whether local sockets may be made, with `InetUse.ALL`. Without, connected pairs still can.
        inet: Which internet sockets may be made, and whether namespaces stand.
        notify: Denied calls wait for what the launcher answers (`notifier`), instead of EPERM at once.
        machine: A key of `NUMBERS`. Programs for any other machine are killed.
        explain: Calls with paths are told too; takes `notify`.
    """
    numbers = NUMBERS[machine]
    unix_sockets = unix_sockets and inet is InetUse.ALL
    denied = {**DENIED, **(DENIED_WITHOUT_NAMESPACES if inet is InetUse.TCP_ONLY else {})}
    checks = {name: write for name, write in _checks(unix_sockets=unix_sockets, inet=inet).items() if name in numbers}

    def label(name: str) -> str:
        if name in ABSENT:
            return _ABSENT
        if name in denied:
            return _DENY
        if name in checks or name in _MODES:
            return name
        return passed(name)

    def passed(name: str) -> str:
        return _OBSERVE if explain and notify and name in OBSERVED else _ALLOW

    asm = _Checks()
    asm.load(4)
    asm.branch(Condition.EQUAL, AUDIT_ARCH[machine], "", _KILL)
    asm.load(0)
    # What has no name here is absent, which covers newer calls and the x32 calls of x86-64 (bit 30 of the number).
    asm.search({number: label(name) for name, number in numbers.items()}, _ABSENT)
    for name, write in checks.items():
        asm.label(name)
        write(asm)
    for name, (mode, flags) in _MODES.items():
        if name in numbers:
            asm.label(name)
            asm.mode(mode, flags, passed(name))
    results = {
        _ALLOW: Returns.ALLOW,
        _DENY: Returns.NOTIFY if notify else Returns.ERROR | errno.EPERM,
        _OBSERVE: Returns.NOTIFY,
        # Never told: whoever listens lets calls with paths go on, and only those that may.
        _REFUSE: Returns.ERROR | errno.EPERM,
        _ABSENT: Returns.ERROR | errno.ENOSYS,
        _NO_PROTOCOL: Returns.ERROR | errno.EPROTONOSUPPORT,
        _KILL: Returns.KILL,
    }
    for result, value in results.items():
        asm.label(result)
        asm.give(value)
    return asm.assemble()


_SET_MODE_FILTER, _GET_ACTION_AVAILABLE = 1, 2
_WAIT_KILLABLE: Final = 1 << 5
"""Once a notification is received, only deadly signals interrupt the wait: programs that are hit by timers all the time
(Go's) would start the call again and again. From Linux 5.19 on."""


def can_notify() -> bool:
    """Whether this kernel tells a listener of calls (from 5.0 on)."""
    try:
        call("seccomp", _GET_ACTION_AVAILABLE, 0, struct.pack("=I", Returns.NOTIFY))
    except OSError:
        return False
    return True


def load(program: bytes, *, notify: bool) -> int | None:
    """Put the filter on the calling thread, for good. Needs `privileges.no_new_privileges` before.

    Returns:
        The listener's descriptor (closed on exec) with `notify`, which `program` must have been made with too.

    Raises:
        OSError: the kernel refuses. EBUSY: another filter above has a listener; one without `notify` can be loaded.
    """
    memory = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a count, and a pointer that is aligned.
    header = struct.pack("@HP", len(program) // 8, pointer(memory))
    if not notify:
        call("seccomp", _SET_MODE_FILTER, 0, header)
        return None
    try:
        return call("seccomp", _SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE, header)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return call("seccomp", _SET_MODE_FILTER, _NEW_LISTENER, header)
