"""The agent's first process: it raises the walls around itself, starts the command behind them, and reaps.

In a PID namespace it is process 1: when it ends, the kernel ends everything. It holds copies of the launcher's memory,
so nothing inside may look at it (it is not dumpable), and from the moment that the file system is the agent's it
imports nothing: what could be imported then the agent might have written.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import msgspec

from pipelock.contain.profile import Access, Grant, Profile
from pipelock.model import Rung, Wall, WallName, WallState
from pipelock_linux import landlock, libc, mounts, privileges, seccomp
from pipelock_linux.channel import (
    Adopted,
    Armed,
    Channel,
    ChannelError,
    Ended,
    Go,
    NotRun,
    Refusals,
    Resume,
    Signal,
    Standing,
    Stop,
    Stopped,
    Unable,
    Uncovered,
)
from pipelock_linux.covers import EVENTS, Covers
from pipelock_linux.namespaces import WallError
from pipelock_linux.processes import end_children

__all__ = [
    "EXIT_CANNOT_RUN",
    "EXIT_NOT_FOUND",
    "Inheritance",
    "be_first",
    "close_on_exec",
    "tell_why",
    "wipe_environment",
]

EXIT_NOT_FOUND = 127
EXIT_CANNOT_RUN = 126
_NAME = b"pipelock-init\0"
_CLOSE_ON_EXEC = 4  # CLOSE_RANGE_CLOEXEC of <linux/close_range.h>, 5.11
_LAST_DESCRIPTOR = 0xFFFFFFFF
_MAX_DESCRIPTOR = 65_536
_MAX_UNCOVERED = 32
_SHELL = "/bin/sh"
_PYTHON_IGNORES = (signal.SIGPIPE, signal.SIGXFSZ)  # by the interpreter's own doing, not by the caller's


class Inheritance(msgspec.Struct, frozen=True):
    """What the command gets from whoever called us, and not from us.

    Attributes:
        blocked: The signals that were blocked.
        ignored: The signals that were ignored, as under nohup(1).
    """

    blocked: frozenset[int]
    ignored: frozenset[int]

    @classmethod
    def of_this_process(cls) -> Inheritance:
        """As it is now, before any handler of ours."""
        every = signal.valid_signals()
        ignored = {int(one) for one in every if signal.getsignal(one) is signal.SIG_IGN}
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return cls(frozenset(map(int, blocked)), frozenset(ignored - {int(one) for one in _PYTHON_IGNORES}))


def be_first(
    profile: Profile, channel: Channel, rung: Rung, inheritance: Inheritance, sockets: str | None = None
) -> NoReturn:
    """Be the agent's first process: never returns. The launcher says when to go on, and hears how it went.

    `sockets` is what `mounts.host_sockets` said before the host's network was left.
    """
    try:
        _default_signals(inheritance)
        _leave_group()
        _keep_only(channel.fileno())
        if _told(channel) is not Adopted:
            os._exit(1)
        _end_with_launcher(rung)
        # Sent after the wish to die with the launcher: whoever answers lived then.
        channel.send(Armed())
        channel.send(Standing(tuple(_raise_walls(profile, rung, sockets))))
        programs = _programs(profile, rung)
        if _told(channel) is not Go:
            os._exit(1)
        covers = Covers() if rung is Rung.NAMESPACE else None
        _ignore_signals()
        child = os.fork()
        if not child:
            _default_signals(inheritance)
            _become_command(profile, channel, programs, inheritance, rung)
        with _about(WallName.SYSCALLS):
            seccomp.load(programs[1], notify=False)
        os.chdir("/")
        _watch(channel, child, covers)
    except BaseException as error:  # noqa: BLE001 - told to the launcher, which is the only one left to tell
        tell_why(channel, WallName.PROCESSES, error)
    os._exit(1)


def _raise_walls(profile: Profile, rung: Rung, sockets: str | None) -> Iterator[Wall]:
    """All but the filter of system calls, which would keep this process from making its child's.

    Raises:
        WallError: One can't be raised.
    """
    wipe_environment()
    own_root = rung is Rung.NAMESPACE
    if own_root:
        yield from mounts.build_root(profile, sockets=sockets)
    # From here on the file system is the agent's.
    sys.meta_path.clear()
    with _about(WallName.FILES):
        os.chdir(profile.folder)
    with _about(WallName.LIMITS):
        yield privileges.limits(profile.limits, own_users=own_root)
    with _about(WallName.PRIVILEGES):
        privileges.drop()
        privileges.no_new_privileges()
        yield Wall(WallName.PRIVILEGES, WallState.UP, "no capabilities, and none to be had")
    with _about(WallName.LANDLOCK):
        ports = (profile.network.proxy_port,) if rung is Rung.PORTS else None
        grants = (*profile.grants, *_stdio_grants())
        yield landlock.apply(grants, ports=ports, abi=landlock.abi(), own_root=own_root)
        _hide()


@contextlib.contextmanager
def _about(wall: WallName) -> Iterator[None]:
    """Makes an error of the system's one of this wall's."""
    try:
        yield
    except OSError as error:
        raise WallError(wall, f"{error.strerror or error}{f' ({error.filename})' if error.filename else ''}") from error


def tell_why(channel: Channel, wall: WallName, error: BaseException) -> None:
    """Tell the launcher what went wrong: about `wall`, unless the error says about which."""
    message = Unable(wall, f"{type(error).__name__}: {error}"[:500])
    if isinstance(error, WallError):
        message = Unable(error.wall, str(error)[:500], error.fix[:500])
    with contextlib.suppress(OSError):
        channel.send(message)


def _told(channel: Channel) -> type[msgspec.Struct] | None:
    received = channel.receive()
    return None if received is None else type(received.message)


def _default_signals(inheritance: Inheritance) -> None:
    """Python's own handlers go: they would run in processes that are not the launcher."""
    signal.set_wakeup_fd(-1)
    for one in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError, ValueError):  # some numbers are the C library's own
            signal.signal(one, signal.SIG_IGN if int(one) in inheritance.ignored else signal.SIG_DFL)


def _ignore_signals() -> None:
    """What is meant for the command (Ctrl-C, kill(2) with 0) comes here, too; the kernel shields process 1 alone.

    Without us the agent would end, whatever it does with the signal.
    """
    if os.getpid() == 1:
        return
    for one in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(one, signal.SIG_IGN)


def _leave_group() -> None:
    """Into a process group of its own, where Landlock does not hold signals and no terminal needs the launcher's.

    A signal for the sender's group (kill(2) with 0) knows no namespaces: it would reach the launcher, and what was
    started with it. With a terminal the group is what keys like Ctrl-C are for.
    """
    if landlock.abi() >= landlock.SCOPES_ABI:
        return
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        os.setpgid(0, 0)


def _end_with_launcher(rung: Rung) -> None:
    """Process 1 of a namespace takes all with it; elsewhere `_watch` ends the others when the launcher is gone."""
    if rung is Rung.NAMESPACE:
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)


def wipe_environment() -> None:
    """Overwrite the memory that /proc/PID/environ and cmdline show (proc_pid_stat(5), fields 48 to 51)."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    # The first of them is field 3.
    for start, end in ((int(fields[45]), int(fields[46])), (int(fields[47]), int(fields[48]))):
        if 0 < start < end:
            ctypes.memset(start, 0, end - start)


def _hide() -> None:
    libc.prctl(libc.PR_SET_DUMPABLE, 0)
    name = ctypes.create_string_buffer(_NAME)
    libc.prctl(libc.PR_SET_NAME, libc.pointer(name))


def _stdio_grants() -> Iterable[Grant]:
    """What we were called with: `> file` would work, `> /dev/stdout` of a program inside would not."""
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            kind = os.fstat(descriptor).st_mode
            if stat.S_ISREG(kind) or stat.S_ISCHR(kind):
                yield Grant(
                    path=f"/proc/self/fd/{descriptor}",
                    access=Access.READ if _reads_only(descriptor) else Access.WRITE,
                    why="standard input or output",
                    is_folder=False,
                )


def _reads_only(descriptor: int) -> bool:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def _programs(profile: Profile, rung: Rung) -> tuple[bytes, bytes, bool]:
    """The filter of the command, that of this process, and whether the first tells what it refuses."""
    inet = seccomp.InetUse.TCP_ONLY if rung is Rung.PORTS else seccomp.InetUse.ALL
    machine = os.uname().machine
    notify = seccomp.can_notify()
    explain = notify and profile.explain
    unix = profile.unix_sockets
    return (
        seccomp.program(unix_sockets=unix, inet=inet, notify=notify, machine=machine, explain=explain),
        seccomp.program(unix_sockets=unix, inet=inet, notify=False, machine=machine),
        notify,
    )


def _become_command(
    profile: Profile, channel: Channel, programs: tuple[bytes, bytes, bool], inheritance: Inheritance, rung: Rung
) -> NoReturn:
    try:
        if rung is not Rung.NAMESPACE:
            libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
        listener = _load_filter(*programs)
        if listener is not None:
            channel.send(Refusals(), (listener,))
            os.close(listener)
        close_on_exec()
        signal.pthread_sigmask(signal.SIG_SETMASK, inheritance.blocked)
    except BaseException as error:  # noqa: BLE001 - without its wall the command is not started
        tell_why(channel, WallName.SYSCALLS, error)
        os._exit(EXIT_CANNOT_RUN)
    failed = _execute(profile.command, dict(profile.environment), os.execve)
    with contextlib.suppress(OSError):
        channel.send(failed)
    os._exit(EXIT_NOT_FOUND if failed.number == errno.ENOENT else EXIT_CANNOT_RUN)


def _load_filter(telling: bytes, silent: bytes, notify: bool) -> int | None:  # noqa: FBT001 - as `_programs` gives it
    """The listener of the filter that tells what it refuses.

    Around us may be one already (a container's, or our own around another agent, which allows no other): ours then
    refuses without a word.
    """
    try:
        return seccomp.load(telling, notify=notify)
    except OSError as error:
        if error.errno not in {errno.EBUSY, errno.EPERM}:
            raise
    return seccomp.load(silent, notify=False)


def _keep_only(descriptor: int) -> None:
    """Close what the launcher and its caller have open: nothing inside needs it."""
    for first, last in ((3, descriptor - 1), (descriptor + 1, _LAST_DESCRIPTOR)):
        if first > last:
            continue
        try:
            libc.call("close_range", first, last, 0)
        except OSError:
            os.closerange(first, min(last, _MAX_DESCRIPTOR) + 1)


def close_on_exec() -> None:
    """Nothing but standard input, output and error goes to the next program."""
    with contextlib.suppress(OSError):
        libc.call("close_range", 3, _LAST_DESCRIPTOR, _CLOSE_ON_EXEC)
        return
    for descriptor in range(3, _MAX_DESCRIPTOR):
        with contextlib.suppress(OSError):
            os.set_inheritable(descriptor, False)  # noqa: FBT003 - the call's one argument


def _execute(
    command: tuple[str, ...], environment: dict[str, str], execve: Callable[[str, list[str], dict[str, str]], object]
) -> NotRun:
    """Run `command` as execvp(3) does: by PATH, and by the shell what is a text without a first line that says so.

    Returns only where that failed. A file that may not be run counts more than one that is not there.
    """
    name = command[0]
    folders = environment.get("PATH", os.defpath).split(":")
    tried = [name] if "/" in name else [f"{folder or '.'}/{name}" for folder in folders]
    failed = NotRun(errno.ENOENT, name)
    for path in tried:
        try:
            execve(path, list(command), environment)
        except OSError as error:
            number = error.errno or errno.ENOENT
            if number == errno.ENOEXEC:
                with contextlib.suppress(OSError):
                    execve(_SHELL, [_SHELL, path, *command[1:]], environment)
                return NotRun(number, path)
            if number not in (errno.ENOENT, errno.ENOTDIR):
                failed = NotRun(number, path)
        except ValueError:
            return NotRun(errno.EINVAL, name)  # a NUL in a word
    return failed


def _watch(channel: Channel, child: int, covers: Covers | None = None) -> NoReturn:
    """Reap until the command ends, and do what the launcher says meanwhile."""
    awake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(awake, select.POLLIN)
    poll.register(channel.fileno(), select.POLLIN)
    if covers is not None:
        poll.register(covers.fileno(), EVENTS)
    while True:
        _reap(channel, child)
        ready = [descriptor for descriptor, _ in poll.poll()]
        if awake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(awake, 4096)
        if covers is not None and covers.fileno() in ready:
            _tell_uncovered(channel, covers)
        if channel.fileno() in ready:
            _obey(channel, child)


def _tell_uncovered(channel: Channel, covers: Covers) -> None:
    lost = covers.lost()
    if lost:
        with contextlib.suppress(OSError):
            channel.send(Uncovered(lost[:_MAX_UNCOVERED]))


def _reap(channel: Channel, child: int) -> None:
    while True:
        try:
            found, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            os._exit(0)
        if not found:
            return
        if found != child:
            continue
        if os.WIFSTOPPED(status):
            with contextlib.suppress(OSError):
                channel.send(Stopped(os.WSTOPSIG(status)))
            continue
        if os.getpid() != 1:
            end_children()
        with contextlib.suppress(OSError):
            channel.send(Ended(status))
        os._exit(0)


def _obey(channel: Channel, child: int) -> None:
    try:
        received = channel.receive()
    except ChannelError:
        return
    message = received.message if received is not None else None
    with contextlib.suppress(ProcessLookupError):
        if message is None:
            # The launcher is gone.
            if os.getpid() != 1:
                end_children()
            os._exit(1)
        elif isinstance(message, Signal):
            os.kill(child, message.number)
        elif isinstance(message, Stop | Resume) and os.getpid() == 1:
            # Everything in the namespace but this process (kill(2)). Outside of one that would be everything.
            os.kill(-1, signal.SIGSTOP if isinstance(message, Stop) else signal.SIGCONT)
