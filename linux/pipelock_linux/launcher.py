"""Starting an agent behind the kernel's walls.

The launcher forks a child that leaves for new namespaces, tells it who it is, and takes from it the sockets that it
listens on inside; that child forks the agent's first process (`init`) and ends. The first process raises the other
walls and waits; the launcher hands the sockets to the daemon and, once that has agreed, lets the command start. From
then on it watches (`supervise`). When the launcher ends, however that comes about, so does the agent.

Where namespaces can't be had, the agent's first process is the launcher's child, and Landlock holds the network.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import msgspec

from pipelock.contain.launching import MAX_COMMAND, LaunchError
from pipelock.contain.profile import Profile
from pipelock.control.lease import Lease, Lent, listen_on_loopback
from pipelock.model import (
    Contained,
    HandedKind,
    HandedSocket,
    Rung,
    Wall,
    WallName,
    WallState,
)
from pipelock_linux import cgroup, kept, libc, mounts, namespaces, network, privileges
from pipelock_linux.channel import (
    Adopted,
    Armed,
    Channel,
    ChannelError,
    Entered,
    First,
    Go,
    Listening,
    Mapped,
    Standing,
    Unable,
    pair,
)
from pipelock_linux.init import Inheritance, be_first, close_on_exec, tell_why
from pipelock_linux.processes import children, end_children
from pipelock_linux.supervise import Freezer, Outcome, Signals, Supervisor, Watcher
from pipelock_linux.terminal import Terminal

__all__ = ["Ground", "Launched", "launch", "listen_on_host"]

_STEP_SECONDS = 30.0
"""Longest that a step of a launch may take: some mount a large tree."""
_MAX_FROZEN_ROUNDS = 50
_STANDARD_ERROR = 2

M = TypeVar("M", bound=msgspec.Struct)


class Ground(msgspec.Struct, frozen=True):
    """What the network's wall is built on.

    Attributes:
        listeners: For the lower rungs: what `listen_on_host` gave; the launch closes them.
        below: Why no higher rung was reached, and what would help.
    """

    rung: Rung = Rung.NAMESPACE
    listeners: tuple[tuple[HandedSocket, int], ...] = ()
    below: Wall | None = None


class Launched(msgspec.Struct, frozen=True):
    """A launch, to be carried out.

    Attributes:
        shown: The command line as the daemon is told it, which masks secrets.
        standing: Hears which walls stand, before the command starts; what it raises ends the launch.
        watcher: Makes the one who answers calls that the kernel refused, for a profile.
        say: Shows a line to the person at the terminal.
    """

    profile: Profile
    ground: Ground
    shown: str
    standing: Callable[[tuple[Wall, ...]], None]
    watcher: Watcher
    say: Callable[[str], None]


def launch(wish: Launched, lease: Lease) -> Outcome:
    """Start the agent and stay with it until it ends.

    Raises:
        LaunchError: A wall could not be raised, or may not be missing in this mode.
        ControlError: The daemon is not there, or does not want to serve it.
    """
    return _Launch(wish, lease).run()


def listen_on_host() -> tuple[tuple[HandedSocket, int], ...]:
    """A proxy port for an agent that has no loopback of its own: a free one of the host's.

    Raises:
        OSError: No port is free.
    """
    with listen_on_loopback() as listener:
        port = listener.getsockname()[1]
        return ((HandedSocket(HandedKind.PROXY, port), listener.detach()),)


class _Launch:
    """One launch, from the first fork to the last wait."""

    def __init__(self, wish: Launched, lease: Lease) -> None:
        self._wish = wish
        self._profile = wish.profile
        self._rung = wish.ground.rung
        self._lease = lease
        self._sockets = list(wish.ground.listeners)
        self._walls: list[Wall] = []
        self._inheritance = Inheritance.of_this_process()
        self._spared = frozenset(children(os.getpid()))
        self._helper = 0
        self._pid = 0
        self._first = -1
        self._cgroup: cgroup.Cgroup | None = None
        self._id = os.urandom(6).hex()

    def run(self) -> Outcome:
        _fill_standard()
        terminal = Terminal.find()
        outer, inner = pair()
        close_on_exec()
        # The agent's first process comes to us when the helper that started it ends; so do orphans of lower rungs.
        libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 1)
        outcome: Outcome | None = None
        try:
            sys.stdout.flush()
            sys.stderr.flush()
            self._begin(outer, inner)
            inner.close()
            walls = self._raise_walls(outer)
            self._wish.standing(walls)
            self._lease.take(self._lent(walls))
            with Signals() as signals:
                outer.send(Go())
                # Off until here, for speed (`brief` commands). Agents may run for weeks.
                gc.enable()
                outcome = self._watch(outer, signals, terminal)
        except ChannelError as error:
            raise LaunchError(WallName.PROCESSES, str(error)) from error
        finally:
            self._end()
            outer.close()
            inner.close()
            libc.prctl(libc.PR_SET_CHILD_SUBREAPER, 0)
            if terminal is not None:
                terminal.restore(died=outcome is None or os.WIFSIGNALED(outcome.status))
            kept.write_out(grant.upper for grant in self._profile.grants if grant.upper)
        return outcome

    # -- before --------------------------------------------------------------------------------------------------------

    def _begin(self, outer: Channel, inner: Channel) -> None:
        """Fork, and see the first process into our care."""
        child = os.fork()
        if not child:
            outer.close()
            if self._rung is Rung.NAMESPACE:
                _help(self._profile, inner, self._inheritance)
            for _, descriptor in self._sockets:
                os.close(descriptor)
            be_first(self._profile, inner, self._rung, self._inheritance)
        if self._rung is not Rung.NAMESPACE:
            self._pid = child
        else:
            self._helper = child
            entered = self._hear(outer, Entered)
            self._walls += entered.walls
            try:
                namespaces.map_identity(child)
            except ProcessLookupError as error:
                raise LaunchError(WallName.PROCESSES, "the launch's helper was ended") from error
            outer.send(Mapped())
            listening, descriptors = self._receive(outer, Listening)
            self._sockets += zip(listening.sockets, descriptors, strict=False)
            if len(listening.sockets) != len(descriptors):
                raise LaunchError(WallName.NETWORK, "descriptors were lost on their way")
            self._pid = self._hear(outer, First).pid
            os.waitpid(self._helper, 0)
            self._helper = 0
        # Ours to wait for, so the number can't have become another's.
        self._first = os.pidfd_open(self._pid)

    def _raise_walls(self, outer: Channel) -> tuple[Wall, ...]:
        outer.send(Adopted())
        # Meanwhile, for the kernel takes its time (an RCU grace period). It makes nothing of its own before `Go`.
        self._enter_cgroup()
        self._hear(outer, Armed)
        walls = [*self._walls, *self._hear(outer, Standing).walls]
        names = {wall.name for wall in walls}
        walls += [wall for wall in self._others() if wall.name not in names]
        order = list(WallName)
        return tuple(sorted(walls, key=lambda wall: order.index(wall.name)))

    def _enter_cgroup(self) -> None:
        self._cgroup = cgroup.create(self._id, self._profile.limits)
        if self._cgroup is None:
            return
        try:
            self._cgroup.add(self._pid)
        except OSError:
            # The kernel decides by both groups and what is around them; then there is none.
            self._cgroup.remove()
            self._cgroup = None

    def _others(self) -> list[Wall]:
        """The walls that nobody told of."""
        own = self._rung is Rung.NAMESPACE
        missing = "needs namespaces of its own"
        held = ("processes",) if own and privileges.counts_processes() else ()
        only_with_namespaces = (WallName.FILES, WallName.PROCESSES, WallName.IPC, WallName.DEVICES)
        return [
            self._network_wall(),
            Wall(WallName.SYSCALLS, WallState.UP, "calls that agents have no use for are refused"),
            Wall(WallName.ENVIRONMENT, WallState.UP, f"{len(self._profile.environment)} variables, chosen"),
            cgroup.wall(self._cgroup, self._profile.limits, held=held),
            *(
                Wall(one, WallState.UP, "its own") if own else Wall(one, WallState.DOWN, missing)
                for one in only_with_namespaces
            ),
        ]

    def _network_wall(self) -> Wall:
        if self._rung is Rung.NAMESPACE:
            return network.wall(self._profile.network, [handed for handed, _ in self._sockets])
        below = self._wish.ground.below
        fix = below.fix if below is not None else ""
        if self._rung is Rung.PORTS:
            port = self._profile.network.proxy_port
            return Wall(WallName.NETWORK, WallState.PARTLY, f"Landlock: TCP to port {port} only, of any host", fix)
        return Wall(WallName.NETWORK, WallState.DOWN, "variables alone: who ignores them goes out", fix)

    def _lent(self, walls: tuple[Wall, ...]) -> Lent:
        profile = self._profile
        contained = Contained(
            id=self._id,
            agent=profile.agent,
            profile=profile.name,
            command=self._wish.shown[:MAX_COMMAND],
            workspace=profile.workspace,
            mode=profile.mode,
            rung=self._rung,
            walls=walls,
            pid=self._pid,
            started_at=time.time(),
        )
        sockets = (*self._sockets, (HandedSocket(HandedKind.PROCESS), self._first))
        return Lent(contained, sockets, profile.rules)

    def _hear(self, outer: Channel, kind: type[M]) -> M:
        return self._receive(outer, kind)[0]

    def _receive(self, outer: Channel, kind: type[M]) -> tuple[M, tuple[int, ...]]:
        """What a child says next, which has to be of this kind."""
        try:
            received = outer.receive(_STEP_SECONDS)
        except TimeoutError as error:
            raise LaunchError(WallName.PROCESSES, f"the launch stood still for {_STEP_SECONDS:g} s") from error
        if received is None:
            raise LaunchError(WallName.PROCESSES, "the agent's first process ended before it was ready")
        message, descriptors = received
        if isinstance(message, kind):
            return message, descriptors
        for descriptor in descriptors:
            os.close(descriptor)
        if isinstance(message, Unable):
            raise LaunchError(message.wall, message.why, message.fix)
        raise LaunchError(WallName.PROCESSES, f"a child said {type(message).__name__} out of turn")

    # -- meanwhile, and after ------------------------------------------------------------------------------------------

    def _watch(self, outer: Channel, signals: Signals, terminal: Terminal | None) -> Outcome:
        freezer: Freezer | None = self._cgroup
        if freezer is None and self._rung is not Rung.NAMESPACE:
            freezer = _Descendants(self._pid)
        return Supervisor(
            first=self._first,
            pid=self._pid,
            channel=outer,
            lease=self._lease,
            signals=signals,
            terminal=terminal,
            watcher=self._wish.watcher,
            freezer=freezer,
            say=self._wish.say,
            names=[descriptor for handed, descriptor in self._sockets if handed.kind is HandedKind.DNS],
        ).run()

    def _end(self) -> None:
        """Nothing of the agent is left when this returns."""
        self._lease.close()
        if self._cgroup is not None:
            with contextlib.suppress(OSError):
                self._cgroup.kill()
        for pid in (self._pid, self._helper):
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        if self._rung is not Rung.NAMESPACE:
            end_children(self._spared)
        if self._first >= 0:
            os.close(self._first)
        for _, descriptor in self._sockets:
            os.close(descriptor)
        self._sockets.clear()
        if self._cgroup is not None:
            with contextlib.suppress(OSError):
                self._cgroup.remove()


def _fill_standard() -> None:
    """What we were started without (`>&-`) leads nowhere, so that nothing of ours gets its number and is inherited."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the call's one argument
    os.close(descriptor)
    # Python has no such streams then, and nobody is told anything.
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(_STANDARD_ERROR, "w", closefd=False)


class _Descendants:
    """Stops all that descends from a process, where no namespace and no cgroup says what that is."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def freeze(self) -> None:
        """Stop them, until no new ones are found: a stopped process starts none."""
        stopped: set[int] = set()
        for _ in range(_MAX_FROZEN_ROUNDS):
            found = set(self._all()) - stopped
            if not found:
                return
            self._send(found, signal.SIGSTOP)
            stopped |= found

    def thaw(self) -> None:
        """Let them go on."""
        self._send(set(self._all()), signal.SIGCONT)

    def _all(self) -> list[int]:
        found = children(self._pid)
        for pid in found:
            # Grows while it is walked: children of children.
            found += children(pid)
        return found

    @staticmethod
    def _send(pids: set[int], number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)


def _help(profile: Profile, channel: Channel, inheritance: Inheritance) -> NoReturn:
    """The launcher's child: make namespaces and the network inside, start the first process, and end."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sockets = mounts.host_sockets()
        channel.send(Entered(namespaces.enter()))
        told = channel.receive()
        if told is None or not isinstance(told.message, Mapped):
            os._exit(1)
        built = network.build(profile.network)
        channel.send(Listening(tuple(handed for handed, _ in built)), [descriptor for _, descriptor in built])
        for _, descriptor in built:
            os.close(descriptor)
        first = os.fork()
        if not first:
            be_first(profile, channel, Rung.NAMESPACE, inheritance, sockets)
        channel.send(First(first))
    except BaseException as error:  # noqa: BLE001 - told to the launcher, which is the only one left to tell
        tell_why(channel, WallName.NETWORK, error)
        os._exit(1)
    os._exit(0)
