"""Starting an agent in macOS' sandbox.

The launcher listens on a free port of loopback, writes the sandbox profile that allows connections to that port alone,
reads it back and asks it (`check`), tries it on a program that should get nowhere, hands the listening socket to the
daemon, and runs the command by sandbox-exec(1), on a terminal and in a session of its own. While the command runs it
passes on what is typed and shown, signals, the daemon's orders, and what the system's log says was refused.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
import tempfile
import termios
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import msgspec

from pipelock.contain.launching import MAX_COMMAND, LaunchError
from pipelock.contain.profile import Profile
from pipelock.control.lease import Lease, Lent, listen_on_loopback
from pipelock.model import Contained, Denial, HandedKind, HandedSocket, Rung, Wall, WallName, WallState
from pipelock_macos import denials, places
from pipelock_macos.check import UnsafeProfileError, check
from pipelock_macos.evaluate import Evaluator, Question
from pipelock_macos.parse import parse
from pipelock_macos.reader import SandboxTextError
from pipelock_macos.relay import Relay
from pipelock_macos.sbpl import Setting, ground, write
from pipelock_macos.supervise import PASSED_ON, Outcome, Supervisor

__all__ = ["Launched", "Programs", "launch", "listen", "preview", "walls"]

_PROBE_SECONDS = 20.0
_EXEC_FAILED = 126
_PROBE = """
/usr/bin/nc -z -w 2 127.0.0.1 "$1" >/dev/null 2>&1 && echo connected
/bin/cat "$2" 2>/dev/null
echo written 2>/dev/null >"$2"
echo done
"""
"""Tries what must fail. `done` alone is what it may say; the file tells whether it was written."""
_CANARY = "read"


class Programs(msgspec.Struct, frozen=True, kw_only=True):
    """The system's own, by their paths."""

    sandbox: str = "/usr/bin/sandbox-exec"
    log: str = "/usr/bin/log"
    ps: str = "/bin/ps"
    shell: str = "/bin/sh"


class Launched(msgspec.Struct, frozen=True, kw_only=True):
    """A launch, to be carried out.

    Attributes:
        profile: Its network names the port of `listener`.
        listener: What `listen` gave; the launch closes it.
        shown: The command line as others may see it.
        standing: Hears which walls stand, before the command starts; what it raises ends the launch.
        explain: Why a path can't be had, as far as the profile knows.
        say: Shows a line to the person at the terminal.
    """

    profile: Profile
    listener: int
    shown: str
    standing: Callable[[tuple[Wall, ...]], None]
    explain: denials.Explain
    say: Callable[[str], None]
    programs: Programs = Programs()


def listen() -> tuple[int, int]:
    """A listening socket on a free port of 127.0.0.1, and that port.

    Raises:
        OSError: No port is free.
    """
    with listen_on_loopback() as listener:
        port: int = listener.getsockname()[1]
        return listener.detach(), port


def launch(wish: Launched, lease: Lease) -> Outcome:
    """Start the agent and stay with it until it ends.

    Raises:
        LaunchError: The sandbox can't be had or does not hold, or `standing` did not want what there is.
        ControlError: The daemon is not there, or does not want to serve it.
        OSError: The machine has no room for a folder, a terminal or a process.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, wish.listener)
        temporary = places.temporary_folder()
        stack.callback(places.forget, temporary)
        stack.callback(lease.close)
        return _Launch(wish, lease, temporary, stack).run()


def preview(profile: Profile) -> str:
    """The text of the sandbox for a profile, as a launch would use it but for the names that a launch makes up.

    Raises:
        LaunchError: It can't be written, or must not be used.
    """
    return _written(profile, Setting(temporary=f"{places.real('/tmp')}/pipelock-0", tag="pipelock:0"))  # noqa: S108


def _written(profile: Profile, setting: Setting) -> str:
    """The text of the sandbox, looked at."""
    try:
        text = write(profile, setting, places.real)
        check(text, profile, ground(profile, setting, places.real))
    except (SandboxTextError, UnsafeProfileError) as error:
        raise LaunchError(WallName.FILES, str(error)) from error
    return text


def walls(profile: Profile) -> tuple[Wall, ...]:
    """What stands around an agent that runs by this profile, once the sandbox was tried."""
    ports = ", ".join(map(str, (profile.network.proxy_port, *profile.network.host_ports)))
    limits = profile.limits
    wants_group = bool(limits.processes or limits.memory)
    group = WallState.DOWN if wants_group else WallState.OFF
    return (
        Wall(WallName.NETWORK, WallState.UP, f"the system's sandbox: loopback, port {ports} only"),
        Wall(WallName.FILES, WallState.UP, "the system's sandbox: what is granted; the home folder is the host's own"),
        Wall(WallName.LANDLOCK, WallState.OFF, "is Linux'"),
        Wall(WallName.SYSCALLS, WallState.PARTLY, "operations are refused, calls of the kernel are not filtered"),
        Wall(WallName.PROCESSES, WallState.PARTLY, "sees its own only; one that leaves its session may outlive it"),
        Wall(WallName.IPC, WallState.PARTLY, "services by name; semaphores are shared with programs outside"),
        Wall(WallName.DEVICES, WallState.UP, "a few harmless ones, and a terminal of its own"),
        Wall(WallName.PRIVILEGES, WallState.PARTLY, "the user's own; set-uid programs don't start in a sandbox"),
        Wall(WallName.ENVIRONMENT, WallState.UP, f"{len(profile.environment)} variables, chosen"),
        Wall(WallName.LIMITS, WallState.UP, "open files and file size"),
        Wall(WallName.CGROUP, group, "macOS limits neither the processes nor the memory of a group" * wants_group),
    )


class _Launch:
    """One launch, from the profile to the last wait."""

    def __init__(self, wish: Launched, lease: Lease, temporary: str, stack: contextlib.ExitStack) -> None:
        self._wish = wish
        self._profile = wish.profile
        self._lease = lease
        self._temporary = temporary
        self._stack = stack
        self._id = os.urandom(6).hex()
        self._tag = f"pipelock:{self._id}"

    def run(self) -> Outcome:
        relay: Relay | None = None
        if any(os.isatty(descriptor) for descriptor in (0, 1, 2)):
            relay = Relay()
            self._stack.callback(relay.end)
        terminal = relay.name if relay is not None else ""
        text = _written(self._profile, Setting(temporary=self._temporary, tag=self._tag, terminal=terminal))
        variables = places.environment(self._profile, self._temporary)
        program = self._program(text, variables)
        if isinstance(program, Outcome):
            return program
        self._probe(text)
        places.plant(self._profile)
        standing = walls(self._profile)
        self._wish.standing(standing)
        self._lease.take(self._lent(standing))
        log = self._start_log()
        argv = (self._wish.programs.sandbox, "-p", text, program, *self._profile.command[1:])
        # Until the supervisor listens they wait: the agent must not be left alone.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
        self._stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        first = self._start(argv, variables, relay)
        supervisor = Supervisor(
            first=first,
            lease=self._lease,
            relay=relay,
            log=log,
            hear=self._denial,
            ps=self._wish.programs.ps,
            say=self._wish.say,
        )
        return supervisor.run()

    def _program(self, text: str, variables: dict[str, str]) -> str | Outcome:
        """What the command line runs; an outcome where it can't be."""
        found, is_fit = places.find_program(
            self._profile.command[0], self._profile.folder, variables.get("PATH", os.defpath)
        )
        if not is_fit:
            number = errno.EACCES if Path(found).exists() else errno.ENOENT
            return Outcome(_EXEC_FAILED + (number == errno.ENOENT) << 8, not_run=(number, found))
        if not Evaluator(parse(text)).allows(Question(operation="process-exec", path=places.real(found))):
            return Outcome(_EXEC_FAILED << 8, not_run=(errno.EPERM, found))
        return found

    def _probe(self, text: str) -> None:
        """See that the sandbox can be had, and holds: what must not be possible is tried in it."""
        with (
            socket.create_server(("127.0.0.1", 0)) as elsewhere,
            tempfile.TemporaryDirectory(dir=self._ungranted(text)) as folder,
        ):
            canary = Path(places.real(folder), "canary")
            canary.write_text(f"{_CANARY}\n", encoding="ascii")
            words = (self._wish.programs.shell, "-c", _PROBE, "probe", str(elsewhere.getsockname()[1]), str(canary))
            try:
                tried = subprocess.run(  # noqa: S603 - the system's own, by their paths
                    (self._wish.programs.sandbox, "-p", text, *words),
                    capture_output=True,
                    timeout=_PROBE_SECONDS,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    env={"PATH": "/usr/bin:/bin"},
                    cwd=self._temporary,
                )
            except (OSError, subprocess.SubprocessError) as error:
                raise LaunchError(WallName.NETWORK, f"the system's sandbox can't be had: {error}") from error
            said = tried.stdout.decode("utf-8", "replace").split()
            written = canary.read_text(encoding="utf-8", errors="replace") != f"{_CANARY}\n"
        if "done" not in said:
            why = tried.stderr.decode("utf-8", "replace").strip()[:500] or f"exit code {tried.returncode}"
            raise LaunchError(WallName.NETWORK, f"the system's sandbox can't be had: {why}")
        if "connected" in said:
            raise LaunchError(WallName.NETWORK, "the system's sandbox let a connection out that it should not have")
        if written or said != ["done"]:
            raise LaunchError(WallName.FILES, "the system's sandbox let a file be used that nobody granted")

    def _ungranted(self, text: str) -> str:
        """A folder in which nothing may be used."""
        asker = Evaluator(parse(text))
        for folder in (tempfile.gettempdir(), str(Path(self._temporary).parent), self._profile.home):
            path = f"{places.real(folder)}/{_CANARY}"
            asked = [Question(operation=operation, path=path) for operation in ("file-read-data", "file-write-data")]
            if os.access(folder, os.W_OK) and not any(asker.allows(question) for question in asked):
                return folder
        raise LaunchError(
            WallName.FILES, "temporary files and the home folder are granted: there is no place to try the sandbox at"
        )

    def _lent(self, standing: tuple[Wall, ...]) -> Lent:
        profile = self._profile
        contained = Contained(
            id=self._id,
            agent=profile.agent,
            profile=profile.name,
            command=self._wish.shown[:MAX_COMMAND],
            workspace=profile.workspace,
            mode=profile.mode,
            rung=Rung.SYSTEM,
            walls=standing,
            started_at=time.time(),
        )
        handed = HandedSocket(HandedKind.PROXY, profile.network.proxy_port)
        return Lent(contained, ((handed, self._wish.listener),), profile.rules)

    def _start_log(self) -> subprocess.Popen[bytes] | None:
        """What prints refusals. It may not be there, or not be for this user: then refusals are not told."""
        try:
            log = subprocess.Popen(  # noqa: S603 - the system's own, by its path
                denials.command(self._tag, self._wish.programs.log),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            return None
        self._stack.callback(_stop, log)
        return log

    def _denial(self, message: str) -> Denial | None:
        refused = denials.refusal(message, self._tag)
        return None if refused is None else denials.denial(refused, self._wish.explain)

    def _start(self, argv: Sequence[str], variables: dict[str, str], relay: Relay | None) -> int:
        """Fork the command; its process."""
        heard, told = os.pipe()
        first = os.fork()
        if not first:
            os.close(heard)
            _become(argv, variables, self._profile, relay, told)
        os.close(told)
        try:
            with open(heard, "rb") as pipe:  # noqa: PTH123 - a descriptor
                why = pipe.read(1000).decode("utf-8", "replace")
        except BaseException:
            os.kill(first, signal.SIGKILL)
            os.waitpid(first, 0)
            raise
        if why:
            os.waitpid(first, 0)
            raise LaunchError(WallName.PROCESSES, why)
        return first


def _become(
    argv: Sequence[str], variables: dict[str, str], profile: Profile, relay: Relay | None, told: int
) -> NoReturn:
    """In the child: be the command, or say why not and end."""
    try:
        os.setsid()
        if relay is not None:
            fcntl.ioctl(relay.inner, termios.TIOCSCTTY, 0)
            for descriptor, is_terminal in enumerate(relay.is_terminal):
                if is_terminal:
                    os.dup2(relay.inner, descriptor)
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTTOU, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        _limit(profile)
        os.chdir(profile.folder)
        # Nothing that this process inherited is the agent's but the three.
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names, not paths
            descriptor = int(name)
            if descriptor > 2 and descriptor != told:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        os.execve(argv[0], tuple(argv), variables)  # noqa: S606 - what a launcher is for
    except BaseException as error:  # noqa: BLE001 - told to the launcher, which is the only one left to tell
        with contextlib.suppress(OSError):
            os.write(told, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:500])
    os._exit(_EXEC_FAILED)


def _limit(profile: Profile) -> None:
    for kind, wanted in (
        (resource.RLIMIT_NOFILE, profile.limits.files),
        (resource.RLIMIT_FSIZE, profile.limits.file_size),
    ):
        if wanted:
            highest = resource.getrlimit(kind)[1]
            value = wanted if highest == resource.RLIM_INFINITY else min(wanted, highest)
            resource.setrlimit(kind, (value, value))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _stop(log: subprocess.Popen[bytes]) -> None:
    log.kill()
    if log.stdout is not None:
        log.stdout.close()
    log.wait()
