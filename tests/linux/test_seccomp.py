from __future__ import annotations

import errno
import re
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock_linux import seccomp
from pipelock_linux.bpf import MAX_INSTRUCTIONS
from pipelock_linux.seccomp import InetUse, Returns, program
from pipelock_linux.syscalls import AUDIT_ARCH, HIGHEST, NUMBERS
from tests.linux.bpf_machine import data_of, run

CHECKED = seccomp.checked(InetUse.ALL)

ALLOWED = Returns.ALLOW
TOLD = Returns.NOTIFY
REFUSED = Returns.ERROR | errno.EPERM
ABSENT = Returns.ERROR | errno.ENOSYS
NO_PROTOCOL = Returns.ERROR | errno.EPROTONOSUPPORT

MODES = [
    {"unix_sockets": unix, "inet": inet, "notify": notify, "explain": explain}
    for unix, inet, notify, explain in product([True, False], InetUse, [True, False], [True, False])
]
_MODES = st.sampled_from(MODES)
_ARGS = st.lists(st.integers(0, (1 << 64) - 1) | st.integers(0, 64), min_size=6, max_size=6).map(tuple)
_MACHINES = st.sampled_from(sorted(NUMBERS))


@cache
def _built(machine: str, unix_sockets: bool, inet: InetUse, notify: bool, explain: bool) -> bytes:
    return program(unix_sockets=unix_sockets, inet=inet, notify=notify, machine=machine, explain=explain)


def answer(machine: str, mode: dict[str, bool | InetUse], name: str | int, args: tuple[int, ...] = ()) -> int:
    number = NUMBERS[machine][name] if isinstance(name, str) else name
    return run(_built(machine, **mode), data_of(number, args, AUDIT_ARCH[machine]))[0]


def a_mode(unix_sockets: bool = False, inet: InetUse = InetUse.ALL, notify: bool = False, explain: bool = False):
    return {"unix_sockets": unix_sockets, "inet": inet, "notify": notify, "explain": explain}


_THREAD = 0x3D0F00  # what C libraries start threads with: CLONE_VM, _FS, _FILES, _SIGHAND, _THREAD, _SYSVSEM, _SETTLS…
_UPPER = 0xDEADBEEF << 32
_CLOEXEC = 0o2000000

# name, registers, answer with local sockets, without, with TCP alone
CHECKS = [
    ("clone", (_THREAD,), ALLOWED, ALLOWED, ALLOWED),
    ("clone", (17,), ALLOWED, ALLOWED, ALLOWED),
    ("clone", (0x4111,), ALLOWED, ALLOWED, ALLOWED),  # vfork's
    ("clone", (0x10000011,), REFUSED, REFUSED, REFUSED),  # user
    ("clone", (0x00020011,), REFUSED, REFUSED, REFUSED),  # mount
    ("clone", (0x20000011,), REFUSED, REFUSED, REFUSED),  # PID
    ("clone", (0x40000011,), REFUSED, REFUSED, REFUSED),  # network
    ("clone", (0x08000011 | _UPPER,), REFUSED, REFUSED, REFUSED),  # IPC
    ("clone", (0x04000011,), REFUSED, REFUSED, REFUSED),  # UTS
    ("clone", (0x02000011,), REFUSED, REFUSED, REFUSED),  # cgroup
    ("unshare", (0x400,), ALLOWED, ALLOWED, ALLOWED),  # files
    ("unshare", (0x80,), REFUSED, REFUSED, REFUSED),  # time
    ("unshare", (0x10000400,), REFUSED, REFUSED, REFUSED),
    ("ioctl", (0, 0x5401), ALLOWED, ALLOWED, ALLOWED),  # TCGETS
    ("ioctl", (0, 0x5402), ALLOWED, ALLOWED, ALLOWED),  # TCSETS
    ("ioctl", (0, 0x5413), ALLOWED, ALLOWED, ALLOWED),  # TIOCGWINSZ
    ("ioctl", (0, 0x5412), REFUSED, REFUSED, REFUSED),  # TIOCSTI
    ("ioctl", (0, 0x5412 | _UPPER), REFUSED, REFUSED, REFUSED),
    ("ioctl", (0, 0x541C), REFUSED, REFUSED, REFUSED),  # TIOCLINUX
    ("ioctl", (0, 0x541D), REFUSED, REFUSED, REFUSED),  # TIOCCONS
    ("ioctl", (0, 0x5423), REFUSED, REFUSED, REFUSED),  # TIOCSETD
    ("ioctl", (0, 0x5424), ALLOWED, ALLOWED, ALLOWED),  # TIOCGETD
    ("ioctl", (0, 0x50009401), REFUSED, REFUSED, REFUSED),  # a snapshot of a whole btrfs
    ("ioctl", (0, 0x50009417 | _UPPER), REFUSED, REFUSED, REFUSED),
    ("ioctl", (0, 0x5000940E), ALLOWED, ALLOWED, ALLOWED),  # an empty volume
    ("seccomp", (1, 0), ALLOWED, ALLOWED, ALLOWED),
    ("seccomp", (1, 0x21), ALLOWED, ALLOWED, ALLOWED),
    ("seccomp", (1, 0x8), REFUSED, REFUSED, REFUSED),  # with a listener
    ("seccomp", (1, 0x29 | _UPPER), REFUSED, REFUSED, REFUSED),
    ("setpriority", (0, 0, 5), ALLOWED, ALLOWED, ALLOWED),
    ("setpriority", (1, 0, 5), REFUSED, REFUSED, REFUSED),  # the process group
    ("setpriority", (1 | _UPPER, 0, 5), REFUSED, REFUSED, REFUSED),
    ("setpriority", (2, 0, 5), ALLOWED, ALLOWED, REFUSED),  # the user, as far as the namespace goes
    ("ioprio_set", (1, 0, 0), ALLOWED, ALLOWED, ALLOWED),
    ("ioprio_set", (2, 0, 0), REFUSED, REFUSED, REFUSED),
    ("ioprio_set", (3, 0, 0), ALLOWED, ALLOWED, REFUSED),
    ("socket", (2, 1, 0), ALLOWED, ALLOWED, ALLOWED),
    ("socket", (2, 1 | _CLOEXEC, 6), ALLOWED, ALLOWED, ALLOWED),
    ("socket", (10, 1, 0), ALLOWED, ALLOWED, ALLOWED),
    ("socket", (2, 2, 0), ALLOWED, ALLOWED, REFUSED),
    ("socket", (10, 2 | _CLOEXEC, 17), ALLOWED, ALLOWED, REFUSED),
    ("socket", (2, 2, 1), ALLOWED, ALLOWED, REFUSED),  # ping
    ("socket", (2, 1, 262), NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL),  # MPTCP
    ("socket", (2, 1, 132), NO_PROTOCOL, NO_PROTOCOL, NO_PROTOCOL),  # SCTP
    ("socket", (2, 1, 17), ALLOWED, ALLOWED, NO_PROTOCOL),  # no such thing, as the kernel says
    ("socket", (2, 3, 1), REFUSED, REFUSED, REFUSED),  # raw
    ("socket", (2 | _UPPER, 3 | _UPPER, 1), REFUSED, REFUSED, REFUSED),
    ("socket", (2, 10, 0), REFUSED, REFUSED, REFUSED),  # SOCK_PACKET
    ("socket", (2, 5, 132), REFUSED, REFUSED, REFUSED),
    ("socket", (1, 1, 0), ALLOWED, REFUSED, REFUSED),
    ("socket", (1, 2 | _CLOEXEC, 0), ALLOWED, REFUSED, REFUSED),
    ("socket", (1 | _UPPER, 1, 0), ALLOWED, REFUSED, REFUSED),
    ("socket", (16, 3, 0), ALLOWED, ALLOWED, ALLOWED),  # the list of interfaces
    ("socket", (16, 3, 15), REFUSED, REFUSED, REFUSED),  # devices that come and go
    ("socket", (16, 3, 9), REFUSED, REFUSED, REFUSED),  # audit
    ("socket", (16, 3, 12), REFUSED, REFUSED, REFUSED),  # netfilter
    ("socket", (17, 3, 0), REFUSED, REFUSED, REFUSED),  # packet
    ("socket", (38, 5, 0), REFUSED, REFUSED, REFUSED),  # the kernel's ciphers
    ("socket", (40, 1, 0), REFUSED, REFUSED, REFUSED),  # the host of a virtual machine
    ("socket", (0, 1, 0), REFUSED, REFUSED, REFUSED),
    ("socket", (0xFFFFFFFF, 1, 0), REFUSED, REFUSED, REFUSED),
    ("socketpair", (1, 1, 0), ALLOWED, ALLOWED, ALLOWED),
    ("socketpair", (1, 5 | _CLOEXEC, 0), ALLOWED, ALLOWED, ALLOWED),
    ("socketpair", (1, 2, 0), ALLOWED, REFUSED, REFUSED),
    ("socketpair", (30, 1, 0), REFUSED, REFUSED, REFUSED),
    ("personality", (0,), ALLOWED, ALLOWED, ALLOWED),
    ("personality", (8,), ALLOWED, ALLOWED, ALLOWED),
    ("personality", (0xFFFFFFFF,), ALLOWED, ALLOWED, ALLOWED),
    ("personality", (0xFFFFFFFFFFFFFFFF,), ALLOWED, ALLOWED, ALLOWED),
    ("personality", (0x0400000,), REFUSED, REFUSED, REFUSED),  # READ_IMPLIES_EXEC
    ("personality", (0x0040000,), REFUSED, REFUSED, REFUSED),  # ADDR_NO_RANDOMIZE
    ("mknodat", (0, 0, 0o010644), ALLOWED, ALLOWED, ALLOWED),  # a named pipe
    ("mknodat", (0, 0, 0o644), ALLOWED, ALLOWED, ALLOWED),
    ("mknodat", (0, 0, 0o020666, 0x103), REFUSED, REFUSED, REFUSED),
    ("mknodat", (0, 0, 0o060666 | _UPPER, 0x103), REFUSED, REFUSED, REFUSED),
    ("prlimit64", (0, 7), ALLOWED, ALLOWED, ALLOWED),
    ("prlimit64", (1, 7), ALLOWED, ALLOWED, REFUSED),
    ("sendto", (3, 0, 0, 0x4000, 0, 0), ALLOWED, ALLOWED, ALLOWED),
    ("sendto", (3, 0, 0, 0x20004000, 0, 0), ALLOWED, ALLOWED, REFUSED),
    ("sendmsg", (3, 0, 0x4000), ALLOWED, ALLOWED, ALLOWED),
    ("sendmsg", (3, 0, 0x20000000), ALLOWED, ALLOWED, REFUSED),
    ("sendmmsg", (3, 0, 1, 0x20000000), ALLOWED, ALLOWED, REFUSED),
    ("listen", (3, 1), ALLOWED, ALLOWED, REFUSED),
    ("shmget", (0, 4096, 0), ALLOWED, ALLOWED, REFUSED),
    ("msgrcv", (0,), ALLOWED, ALLOWED, REFUSED),
]


@pytest.mark.parametrize("machine", NUMBERS)
def test_what_is_decided_by_arguments(machine) -> None:
    for name, args, with_unix, without, tcp_only in CHECKS:
        found = [
            answer(machine, mode, name, args)
            for mode in (a_mode(unix_sockets=True), a_mode(), a_mode(inet=InetUse.TCP_ONLY))
        ]
        assert found == [with_unix, without, tcp_only], (name, [hex(one) for one in args])
        told = [TOLD if one == REFUSED else one for one in found]
        assert told == [
            answer(machine, mode, name, args)
            for mode in (
                a_mode(unix_sockets=True, notify=True),
                a_mode(notify=True),
                a_mode(inet=InetUse.TCP_ONLY, notify=True),
            )
        ]


def test_devices_by_the_older_call_of_x86_64() -> None:
    assert answer("x86_64", a_mode(), "mknod", (0, 0o020666)) == REFUSED
    assert answer("x86_64", a_mode(), "mknod", (0, 0o010666)) == ALLOWED


# What programs do all day: the C library, runtimes, package managers, git, databases.
EVERYDAY = """
    read write openat close newfstatat fstat statx lseek mmap mprotect munmap brk rt_sigaction rt_sigprocmask
    rt_sigreturn readv writev pread64 pwrite64 pipe2 dup dup3 nanosleep clock_nanosleep getpid sendfile connect accept4
    recvfrom recvmsg recvmmsg shutdown bind getsockname getpeername setsockopt getsockopt execve exit exit_group wait4
    waitid kill tgkill fcntl flock fsync fdatasync ftruncate truncate getdents64 getcwd chdir fchdir renameat2 mkdirat
    unlinkat linkat symlinkat readlinkat fchmod fchmodat fchownat umask getrlimit getrusage sysinfo uname prctl setsid
    setpgid getpgid sched_yield sched_getaffinity sched_setaffinity futex set_robust_list get_robust_list rseq
    set_tid_address epoll_create1 epoll_ctl epoll_pwait eventfd2 timerfd_create timerfd_settime signalfd4
    inotify_init1 inotify_add_watch utimensat fallocate copy_file_range getrandom memfd_create mlock madvise
    sigaltstack ppoll pselect6 close_range faccessat2 pidfd_open pidfd_send_signal getxattr setxattr
    membarrier getcpu splice tee io_setup io_submit execveat landlock_create_ruleset landlock_restrict_self seccomp
    statfs restart_syscall set_mempolicy mbind capget capset setuid setgroups
"""


_CREATE, _TMPFILE = 0o100, 0o20200000
SET_USER_ID = [
    ("chmod", (0, 0o4755), True),
    ("chmod", (0, 0o2755), False),  # a folder's files then have its group
    ("chmod", (0, 0o1777), False),
    ("fchmod", (3, 0o4000 | _UPPER), True),
    ("fchmod", (3, 0o755), False),
    ("fchmodat", (_UPPER, 0, 0o6755), True),
    ("fchmodat", (0o4000, 0o4000, 0o644, 0o4000), False),
    ("fchmodat2", (0, 0, 0o4711, 0), True),
    ("creat", (0, 0o4755), True),
    ("creat", (0o4000, 0o644), False),
    ("open", (0, _CREATE, 0o4755), True),
    ("open", (0, 0, 0o4755), False),  # no mode at all: what is in the register is nobody's
    ("open", (0, _CREATE, 0o755), False),
    ("openat", (0, 0, _CREATE | 2, 0o4755), True),
    ("openat", (0, 0, _TMPFILE, 0o4755 | _UPPER), True),
    ("openat", (0, 0, 2, 0o4755), False),
    ("openat", (0, 0, _CREATE, 0o644), False),
    ("mknod", (0, 0o104755), True),
    ("mknodat", (0, 0, 0o104755), True),
]


@pytest.mark.parametrize("machine", NUMBERS)
def test_nobody_makes_a_program_that_has_the_rights_of_its_owner(machine) -> None:
    for name, args, refused in SET_USER_ID:
        if name not in NUMBERS[machine]:
            continue
        for mode in MODES:
            observed = mode["notify"] and mode["explain"] and name in seccomp.OBSERVED
            # Not told, where other calls of this name are let go on.
            wanted = REFUSED if refused else TOLD if observed else ALLOWED
            assert answer(machine, mode, name, args) == wanted, (name, args, mode)


@pytest.mark.parametrize("machine", NUMBERS)
def test_without_namespaces_there_are_no_local_sockets_whoever_wants_them(machine) -> None:
    wanted = a_mode(unix_sockets=True, inet=InetUse.TCP_ONLY)

    assert answer(machine, wanted, "socket", (1, 1, 0)) == REFUSED
    assert answer(machine, wanted, "socketpair", (1, 2, 0)) == REFUSED
    assert answer(machine, wanted, "socketpair", (1, 1, 0)) == ALLOWED


@pytest.mark.parametrize("machine", NUMBERS)
def test_what_programs_do_all_day_is_allowed_and_soon(machine) -> None:
    for name in EVERYDAY.split():
        for mode in MODES:
            wanted = TOLD if mode["notify"] and mode["explain"] and name in seccomp.OBSERVED else ALLOWED
            assert answer(machine, mode, name) == wanted, (name, mode)
    assert len(_built(machine, **MODES[0])) // 8 < 300 < MAX_INSTRUCTIONS
    steps = [
        run(_built(machine, **a_mode()), data_of(number, (), AUDIT_ARCH[machine]))[1] for number in range(HIGHEST + 2)
    ]
    assert max(steps) < 24


@pytest.mark.parametrize("machine", NUMBERS)
def test_every_listed_call_is_answered_as_its_list_says(machine) -> None:
    for mode in MODES:
        refusal = TOLD if mode["notify"] else REFUSED
        for name in NUMBERS[machine]:
            if name in seccomp.DENIED:
                assert answer(machine, mode, name) == refusal, name
            elif name in seccomp.ABSENT:
                assert answer(machine, mode, name) == ABSENT, name
            elif name in seccomp.DENIED_WITHOUT_NAMESPACES:
                alone = mode["inet"] is InetUse.TCP_ONLY
                assert answer(machine, mode, name) == (refusal if alone else ALLOWED), name


@given(machine=_MACHINES, mode=_MODES, args=_ARGS, data=st.data())
def test_what_is_denied_or_absent_is_so_whatever_its_arguments(machine, mode, args, data) -> None:
    closed = set(seccomp.DENIED) | seccomp.ABSENT
    if mode["inet"] is InetUse.TCP_ONLY:
        closed |= set(seccomp.DENIED_WITHOUT_NAMESPACES)
    name = data.draw(st.sampled_from(sorted(closed & set(NUMBERS[machine]))))

    assert answer(machine, mode, name, args) not in {ALLOWED, Returns.KILL}


@given(machine=_MACHINES, mode=_MODES, args=_ARGS, upper=_ARGS, data=st.data())
def test_upper_halves_of_numbers_that_are_ints_change_nothing(machine, mode, args, upper, data) -> None:
    name = data.draw(st.sampled_from(sorted(CHECKED & set(NUMBERS[machine]))))
    other = tuple(high << 32 | low & 0xFFFFFFFF for low, high in zip(args, upper, strict=True))

    assert answer(machine, mode, name, args) == answer(machine, mode, name, other)


@given(machine=_MACHINES, mode=_MODES, number=st.integers(0, 0xFFFFFFFF), args=_ARGS)
def test_numbers_without_a_name_are_absent(machine, mode, number, args) -> None:
    if number not in NUMBERS[machine].values():
        assert answer(machine, mode, number, args) == ABSENT


@pytest.mark.parametrize("name", ["read", "openat", "socket", "ptrace"])
def test_calls_of_the_x32_machine_are_absent(name) -> None:
    for mode in MODES:
        assert answer("x86_64", mode, NUMBERS["x86_64"][name] | 0x40000000, (2, 1, 0)) == ABSENT


@given(machine=_MACHINES, mode=_MODES, arch=st.integers(0, 0xFFFFFFFF), number=st.integers(0, 500), args=_ARGS)
def test_programs_for_another_machine_are_killed(machine, mode, arch, number, args) -> None:
    for foreign in {arch, 0x40000003, 0x40000028, *AUDIT_ARCH.values()} - {AUDIT_ARCH[machine]}:
        assert run(_built(machine, **mode), data_of(number, args, foreign))[0] == Returns.KILL


def test_the_lists_hold_calls_that_there_are_each_in_one_list() -> None:
    known = {name for numbers in NUMBERS.values() for name in numbers}
    lists = [set(seccomp.DENIED), seccomp.ABSENT, CHECKED, set(seccomp.DENIED_WITHOUT_NAMESPACES)]

    for one in (*lists, seccomp.OBSERVED):
        assert one <= known
    assert sum(map(len, lists)) == len(set().union(*lists))
    # What is looked at and let go on must be nothing that is refused for some argument.
    assert not seccomp.OBSERVED & set().union(*lists)
    assert not set(seccomp._MODES) & set().union(*lists)
    assert not seccomp.OBSERVED & seccomp.checked(InetUse.TCP_ONLY)


def test_an_unknown_machine_has_no_filter() -> None:
    with pytest.raises(KeyError):
        program(unix_sockets=True, inet=InetUse.ALL, notify=False, machine="mips")


def test_the_documentation_lists_what_the_filter_refuses() -> None:
    text = (Path(__file__).parents[2] / "docs/sandbox-kernel.md").read_text(encoding="utf-8")
    table = text[text.index("| refused with EPERM |") : text.index("| refused by its arguments |")]
    rows = re.findall(r"^\| ((?:`\w+` ?)+)\| (.+) \|$", table, re.MULTILINE)

    assert {name: why for names, why in rows for name in re.findall(r"\w+", names)} == dict(seccomp.DENIED)
    for name in (
        *seccomp.TERMINAL_REQUESTS.values(),
        "BTRFS_IOC_SNAP_CREATE",
        *CHECKED,
        "clone3",
        "io_uring_enter",
        "listen",
        "shmget",
    ):
        assert name in text
