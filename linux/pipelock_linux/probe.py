"""What this machine gives to who asks now: every wall is raised for real, around children that do nothing and end.

Nothing is concluded from versions or settings: some systems grant namespaces and take the capabilities in them, some
containers mount and some don't, and only trying tells.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NoReturn

import msgspec

from pipelock.contain.profile import Access, Grant, Limits, Network, Profile
from pipelock.model import HandedKind, Rung, Wall, WallName, WallState
from pipelock_linux import cgroup, landlock, libc, mounts, namespaces, network, privileges, seccomp

__all__ = ["HostWalls", "probe"]

_SECONDS: Final = 10.0
_MAX_ANSWER: Final = 65_536
_PORTS_ABI: Final = landlock.PORTS_ABI
_LANDLOCK_FIX: Final = "Linux 5.13 or newer, with landlock among the kernel's lsm="
_SECCOMP_FIX: Final = "a kernel with CONFIG_SECCOMP_FILTER"
_LIMITS: Final = Limits(processes=64, memory=256 << 20)


class HostWalls(msgspec.Struct, frozen=True, kw_only=True):
    """What stands, when it is raised by this user on this machine.

    Attributes:
        rung: The highest that holds the network.
        walls: In the order of `WallName`; those that need nothing of the machine are not told.
        landlock_abi: 0 for none.
        user_namespaces: Whether one can be entered and used.
        max_user_namespaces: The system's bound, -1 where it has none.
        notify: Whether the kernel tells of calls that a filter refuses.
        overlay: Whether changes can be kept apart from what they change.
        redirect: Whether TCP ports that nobody listens on can be caught.
        ipv6: Whether there is any.
    """

    rung: Rung
    walls: tuple[Wall, ...]
    landlock_abi: int
    user_namespaces: bool
    max_user_namespaces: int
    notify: bool
    overlay: bool
    redirect: bool
    ipv6: bool

    def wall(self, name: WallName) -> Wall:
        """That one; off where it was not looked for."""
        return next((one for one in self.walls if one.name is name), Wall(name, WallState.OFF))


class _Found(msgspec.Struct, frozen=True):
    """What one child says."""

    walls: tuple[Wall, ...] = ()
    redirect: bool = False
    ipv6: bool = False
    overlay: bool = False


def probe(limits: Limits = _LIMITS) -> HostWalls:
    """Try everything; takes some 40 ms. The caller has one thread, and nothing of it changes.

    `limits` are those that a control group would have to hold; by default, all that it can.
    """
    inside = _in_child(_network_and_files)
    calls = _in_child(_calls)
    abi = landlock.abi()
    walls = {one.name: one for one in (*inside.walls, *calls.walls, _landlock(abi), _cgroup(limits))}
    own_network = walls.setdefault(WallName.NETWORK, _silent(WallName.NETWORK))
    missing, fix = "needs namespaces of its own", own_network.fix
    if own_network.state is not WallState.DOWN and WallName.FILES in walls:
        missing, fix = "needs the file system view", walls[WallName.FILES].fix
    for name in (WallName.FILES, WallName.PROCESSES, WallName.IPC, WallName.DEVICES):
        walls.setdefault(name, Wall(name, WallState.DOWN, missing, fix))
    for name in (WallName.SYSCALLS, WallName.PRIVILEGES):
        walls.setdefault(name, _silent(name))
    stands = {name for name, wall in walls.items() if wall.state is not WallState.DOWN}
    return HostWalls(
        rung=_rung(stands, abi),
        walls=tuple(walls[name] for name in WallName if name in walls),
        landlock_abi=abi,
        user_namespaces=WallName.NETWORK in stands,
        max_user_namespaces=_maximum(),
        notify=WallName.SYSCALLS in stands and seccomp.can_notify(),
        overlay=inside.overlay,
        redirect=inside.redirect,
        ipv6=inside.ipv6,
    )


def _rung(stands: set[WallName], abi: int) -> Rung:
    if WallName.NETWORK in stands:
        return Rung.NAMESPACE
    return Rung.PORTS if abi >= _PORTS_ABI and WallName.SYSCALLS in stands else Rung.ENVIRONMENT


def _silent(name: WallName) -> Wall:
    return Wall(name, WallState.DOWN, "trying it ended without an answer")


def _landlock(abi: int) -> Wall:
    if abi == 0:
        return Wall(WallName.LANDLOCK, WallState.DOWN, "this kernel has no Landlock", _LANDLOCK_FIX)
    return Wall(WallName.LANDLOCK, WallState.UP, f"Landlock ABI {abi}")


def _cgroup(limits: Limits) -> Wall:
    group = cgroup.create(f"probe-{os.urandom(6).hex()}", limits)
    held = ("processes",) if privileges.counts_processes() else ()
    wall = cgroup.wall(group, limits, held=held)
    if group is not None:
        with contextlib.suppress(OSError):
            group.remove()
    return wall


def _maximum() -> int:
    try:
        return int(Path("/proc/sys/user/max_user_namespaces").read_bytes())
    except (OSError, ValueError):
        return -1


def _in_child(what: Callable[[socket.socket], None]) -> _Found:
    """Run `what` in a child, tell it who it is when it says that it has entered namespaces, and take what it found."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if not child:
        ours.close()
        _end_after(what, its)
    its.close()
    found = _Found()
    with ours:
        ours.settimeout(_SECONDS)
        # A child that ends, or says something else, has said all that it is going to say.
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            while (said := ours.recv(_MAX_ANSWER)) == b"entered":
                try:
                    namespaces.map_identity(child)
                except namespaces.WallError as error:
                    found = _Found((error.down(),))
                    break
                ours.send(b"mapped")
            else:
                found = msgspec.json.decode(said, type=_Found)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return found


def _end_after(what: Callable[[socket.socket], None], link: socket.socket) -> NoReturn:
    """In a child: whatever happens, it ends here, and what it found was sent."""
    try:
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
        what(link)
    except namespaces.WallError as error:
        _say(link, [error.down()])
    except BaseException:  # noqa: BLE001 - silence is told as such
        os._exit(1)
    os._exit(0)


def _say(link: socket.socket, walls: Iterable[Wall], **abilities: bool) -> None:
    with contextlib.suppress(OSError):
        link.send(msgspec.json.encode(_Found(tuple(walls), **abilities)))


def _network_and_files(link: socket.socket) -> None:
    sockets = mounts.host_sockets()
    walls = [*namespaces.enter()]
    link.send(b"entered")
    if link.recv(_MAX_ANSWER) != b"mapped":
        return
    wish = Network()
    handed = [one for one, _ in network.build(wish)]
    walls.append(network.wall(wish, handed))
    redirect = any(one.kind is HandedKind.REDIRECTED for one in handed)
    ipv6 = any(one.family == 6 for one in handed)
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    overlay = False
    try:
        libc.prctl(libc.PR_SET_PDEATHSIG, signal.SIGKILL)
        built = mounts.build_root(_view(), sockets=sockets)
        overlay = any(line.split()[2:3] == [b"overlay"] for line in Path("/proc/mounts").read_bytes().splitlines())
        walls += (_files(overlay=overlay) if wall.name is WallName.FILES else wall for wall in built)
    except namespaces.WallError as error:
        walls.append(error.down())
    _say(link, walls, redirect=redirect, ipv6=ipv6, overlay=overlay)


def _files(*, overlay: bool) -> Wall:
    """In other words than those about the places here."""
    changes = "changes are kept apart" if overlay else "changes can't be kept apart, so caches are read-only"
    return Wall(WallName.FILES, WallState.UP, f"a view of what is granted; {changes}")


def _view() -> Profile:
    """One place of each kind."""
    grants = [
        Grant(path="/etc", access=Access.COPY, why="probe"),
        Grant(path="/tmp", access=Access.PRIVATE, why="probe"),  # noqa: S108 - an empty one of its own
        Grant(path="/usr", access=Access.READ, why="probe"),
    ]
    return Profile(
        agent="probe", command=("true",), folder="/", workspace="/", home="/", grants=tuple(grants), environment=()
    )


def _calls(link: socket.socket) -> None:
    walls = []
    try:
        privileges.drop()
        privileges.no_new_privileges()
        walls.append(Wall(WallName.PRIVILEGES, WallState.UP, "no capabilities, and none to be had"))
    except OSError as error:
        walls.append(Wall(WallName.PRIVILEGES, WallState.DOWN, str(error)))
    try:
        everything = seccomp.InetUse.ALL
        program = seccomp.program(unix_sockets=True, inet=everything, notify=False, machine=os.uname().machine)
        seccomp.load(program, notify=False)
        walls.append(Wall(WallName.SYSCALLS, WallState.UP, "calls that agents have no use for are refused"))
    except (OSError, ValueError) as error:
        walls.append(Wall(WallName.SYSCALLS, WallState.DOWN, f"seccomp: {error}", _SECCOMP_FIX))
    _say(link, walls)
