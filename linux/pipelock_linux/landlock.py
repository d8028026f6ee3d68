"""Landlock: the kernel itself refuses every path, port, abstract socket and signal that was not granted.

What it can hold grows by version (ABI). Everything that this kernel's version knows is held, everything that it does
not know is said: a missing right never makes the set weaker than the kernel is.

| ABI | Linux | adds |
|-----|-------|------|
| 1   | 5.13  | files: run, read, write, list, make, remove |
| 2   | 5.19  | moving and linking between folders (before: always refused) |
| 3   | 6.2   | truncating |
| 4   | 6.7   | TCP ports: bind, connect |
| 5   | 6.10  | requests to devices |
| 6   | 6.12  | abstract sockets, signals |
| 7   | 6.15  | audit records |
| 8   | 7.0   | all threads at once (not needed: a launch has one) |
| 9   | 7.1   | connecting to sockets on disk |

The fixes that kernels list as errata loosen what was refused by mistake, between threads of one process and for streams
that are not TCP; nothing here relies on either behaviour.

Rights hold below a path and can't be taken away again further down. Where an own root stands (a mount namespace), what
is masked inside a grant is covered by mounts. Where none stands, a grant to read that has masks inside is handed out
piece by piece around them (`carve`); one to write can't be, since new names in it must be possible: that is said.

Sources: landlock(7), `linux/landlock.h`, `Documentation/userspace-api/landlock.rst` of the kernel.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
from collections.abc import Callable, Iterable, Sequence
from enum import IntFlag
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

import msgspec

from pipelock.contain.profile import Access, Grant
from pipelock.model import Wall, WallName, WallState
from pipelock_linux import libc

__all__ = [
    "KNOWN_ABI",
    "MAX_RULES",
    "PORTS_ABI",
    "SCOPES_ABI",
    "Kernel",
    "Port",
    "Right",
    "Rule",
    "Ruleset",
    "Scope",
    "SystemKernel",
    "abi",
    "apply",
    "carve",
    "ruleset",
]

KNOWN_ABI: Final = 9
"""The newest version that is made use of; newer ones are used as this."""
PORTS_ABI: Final = 4
"""The first version that holds TCP ports."""
MAX_RULES: Final = 8192
"""Rules of one set at most, carved pieces included."""


class Right(IntFlag):
    """What may be done below a path (`LANDLOCK_ACCESS_FS_*`)."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15
    RESOLVE_UNIX = 1 << 16


class Port(IntFlag):
    """What may be done with a TCP port (`LANDLOCK_ACCESS_NET_*`)."""

    BIND = 1 << 0
    CONNECT = 1 << 1


class Scope(IntFlag):
    """What reaches no further than the set's own processes (`LANDLOCK_SCOPE_*`)."""

    ABSTRACT_SOCKETS = 1 << 0
    SIGNALS = 1 << 1


_ADDED: Final = (
    (1, Right(Right.REFER - 1)),
    (2, Right.REFER),
    (3, Right.TRUNCATE),
    (5, Right.IOCTL_DEV),
    (9, Right.RESOLVE_UNIX),
)
SCOPES_ABI: Final = 6
"""From this one on signals are held."""

_READ: Final = Right.EXECUTE | Right.READ_FILE | Right.READ_DIR
_CHANGE: Final = Right(
    Right.WRITE_FILE
    | Right.REMOVE_DIR
    | Right.REMOVE_FILE
    | Right.MAKE_DIR
    | Right.MAKE_REG
    | Right.MAKE_SOCK
    | Right.MAKE_FIFO
    | Right.MAKE_SYM
    | Right.REFER
    | Right.TRUNCATE
    | Right.RESOLVE_UNIX
)
"""All but making devices, which nobody is granted."""
_BY_ACCESS: Final = {
    Access.READ: _READ,
    Access.WRITE: _READ | _CHANGE,
    Access.COPY: _READ | _CHANGE,
    Access.PRIVATE: _READ | _CHANGE,
    Access.MASK: Right(0),
}
_FOR_FILES: Final = Right(
    Right.EXECUTE | Right.WRITE_FILE | Right.READ_FILE | Right.TRUNCATE | Right.IOCTL_DEV | Right.RESOLVE_UNIX
)
"""Rights that something which is not a folder can carry; the kernel takes no others for it."""

_DEVICE: Final = Right.READ_FILE | Right.WRITE_FILE | Right.TRUNCATE | Right.IOCTL_DEV
_DEVICES: Final = ("null", "zero", "full", "random", "urandom", "tty", "ptmx")
"""Terminals need their requests (raw mode, the window's size)."""


_OWN_DESCRIPTORS: Final = "/proc/self/fd/"
"""Files that are open already may be granted by these names, which are links."""
_RESOLVE_NO_SYMLINKS: Final = 0x04


class Rule(msgspec.Struct, frozen=True):
    """Rights below one path. With `follow` it may have links in it, as the system's own paths do."""

    path: str
    rights: Right
    follow: bool = False


class Ruleset(msgspec.Struct, frozen=True):
    """Everything that one set holds.

    Attributes:
        files: Rights that are refused where no rule grants them.
        net: Likewise for ports; 0 leaves the network alone.
        ports: Ports that may be connected to.
        open: Paths inside grants that should have been kept from the agent and can't be.
    """

    files: Right
    net: Port
    scopes: Scope
    rules: tuple[Rule, ...]
    ports: tuple[int, ...] = ()
    open: tuple[str, ...] = ()


class Kernel(Protocol):
    """The three calls. Each raises `OSError`."""

    def create(self, attributes: bytes) -> int:
        """A new set's descriptor."""

    def allow_path(self, ruleset: int, rights: int, descriptor: int) -> None:
        """Grant rights below what `descriptor` is."""

    def allow_port(self, ruleset: int, rights: int, port: int) -> None:
        """Grant rights to a port."""

    def restrict(self, ruleset: int) -> None:
        """Hold the calling thread, and all that it starts, to the set."""


class SystemKernel:
    """The kernel that runs here."""

    def create(self, attributes: bytes) -> int:
        """A new set's descriptor."""
        return libc.call("landlock_create_ruleset", attributes, len(attributes), 0)

    def allow_path(self, ruleset: int, rights: int, descriptor: int) -> None:
        """Grant rights below what `descriptor` is (`struct landlock_path_beneath_attr`, packed)."""
        libc.call("landlock_add_rule", ruleset, 1, struct.pack("=Qi", rights, descriptor), 0)

    def allow_port(self, ruleset: int, rights: int, port: int) -> None:
        """Grant rights to a port (`struct landlock_net_port_attr`)."""
        libc.call("landlock_add_rule", ruleset, 2, struct.pack("=QQ", rights, port), 0)

    def restrict(self, ruleset: int) -> None:
        """Hold the calling thread, and all that it starts, to the set."""
        libc.call("landlock_restrict_self", ruleset, 0)


def abi() -> int:
    """The version that this kernel knows; 0 where it knows none, or was started without."""
    try:
        return libc.call("landlock_create_ruleset", None, 0, 1)
    except OSError:
        return 0


def ruleset(
    grants: Sequence[Grant],
    *,
    ports: Sequence[int] | None,
    abi: int,
    own_root: bool = True,
    listed: Callable[[str], Iterable[str]] = os.listdir,
) -> Ruleset:
    """What a set holds, without asking the kernel anything.

    Args:
        grants: What may be done where.
        ports: TCP ports that may be connected to, with all others and every `bind` refused; `None`: all may.
        abi: The kernel's version, at least 1.
        own_root: Whether the file system that is seen holds nothing but the grants, masks covered.
        listed: The names in a folder.
    """
    known = Right(0)
    for since, rights in _ADDED:
        known |= rights if abi >= since else Right(0)
    open_paths: list[str] = []
    pieces = list(grants)
    if not own_root:
        pieces, open_paths = carve(grants, listed)
    rules = [
        Rule(grant.path, _rights(grant) & known, grant.path.startswith(_OWN_DESCRIPTORS))
        for grant in pieces
        if grant.access is not Access.MASK
    ]
    rules += [Rule(rule.path, rule.rights & known, follow=True) for rule in _always(own_root=own_root)]
    return Ruleset(
        files=known,
        net=Port.BIND | Port.CONNECT if ports is not None else Port(0),
        scopes=Scope.ABSTRACT_SOCKETS | Scope.SIGNALS if abi >= SCOPES_ABI else Scope(0),
        rules=tuple(rules),
        ports=tuple(ports or ()),
        open=tuple(open_paths),
    )


def _rights(grant: Grant) -> Right:
    rights = _BY_ACCESS[grant.access]
    if grant.access is Access.WRITE and PurePosixPath(grant.path).is_relative_to("/dev"):
        rights |= Right.IOCTL_DEV
    return rights


def _always(*, own_root: bool) -> list[Rule]:
    """What every program needs: the harmless devices, and /proc, which holds its own processes alone or is guarded.

    Without an own root neither the terminals of the user's other windows are granted (/dev/pts: so new ones can't be
    opened either) nor the memory that all the user's programs share (/dev/shm).
    """
    rules = [Rule("/proc", Right.READ_FILE | Right.READ_DIR)]
    if not own_root:
        return [*rules, *(Rule(f"/dev/{name}", _DEVICE) for name in _DEVICES)]
    return [
        *rules,
        # Its folders hold grants and ways to them, nothing else.
        Rule("/", Right.READ_DIR),
        Rule("/dev", _DEVICE | Right.READ_DIR),
        Rule("/dev/shm", _READ | _CHANGE),  # noqa: S108 - a memory file system of the agent's own
    ]


def carve(grants: Sequence[Grant], listed: Callable[[str], Iterable[str]]) -> tuple[list[Grant], list[str]]:
    """Grants that keep what lies inside them and is granted less, where nothing can be covered.

    A folder that may be read and has a mask inside becomes its entries, except those on the way to the mask, which are
    divided in turn. New names in such a folder are not readable, and it can't be listed. Pieces beyond `MAX_RULES` are
    left out.

    Returns:
        The grants, and the paths that stay as open as the grant around them.
    """
    paths = {grant.path: grant for grant in grants}
    done: list[Grant] = []
    still_open: list[str] = []
    for grant in grants:
        inside = [
            other
            for other in grants
            if other.path != grant.path
            and PurePosixPath(other.path).is_relative_to(grant.path)
            and _BY_ACCESS[grant.access] & ~_BY_ACCESS[other.access]
        ]
        if not inside:
            done.append(grant)
        elif grant.access is Access.READ:
            done += _around(grant, paths, {other.path for other in inside}, listed, MAX_RULES - len(done))
        else:
            done.append(grant)
            still_open += [other.path for other in inside]
    return done, still_open


def _around(
    grant: Grant, paths: dict[str, Grant], avoided: set[str], listed: Callable[[str], Iterable[str]], room: int
) -> list[Grant]:
    ways = {str(parent) for path in avoided for parent in PurePosixPath(path).parents} | {grant.path}
    pieces: list[Grant] = []
    folders = [grant.path]
    while folders:
        folder = folders.pop()
        try:
            names = sorted(listed(folder))
        except OSError:
            continue
        for name in names:
            path = str(PurePosixPath(folder, name))
            if path in paths:
                continue
            if path in ways:
                folders.append(path)
            elif len(pieces) < room:
                pieces.append(Grant(path=path, access=grant.access, why=grant.why, source=grant.source))
    return pieces


def apply(
    grants: Sequence[Grant],
    *,
    ports: Sequence[int] | None,
    abi: int,
    own_root: bool = True,
    kernel: Kernel | None = None,
) -> Wall:
    """Hold the calling thread, and all that it starts, to the grants. Sets PR_SET_NO_NEW_PRIVS.

    Paths are opened now, as they are seen from here; those that are not there are granted to nobody.

    Args:
        grants: As in `ruleset`, like `ports` and `own_root`.
        ports: Needs version 4.
        abi: From `abi`; 0 does nothing.
        own_root: See `ruleset`.
        kernel: Another one, in tests.

    Returns:
        What stands now.

    Raises:
        OSError: the kernel refuses a set that it should know; nothing stands then. EOPNOTSUPP: `ports` can't be held.
    """
    if ports is not None and abi < PORTS_ABI:
        raise OSError(errno.EOPNOTSUPP, f"Landlock of version {abi} can't hold ports: version {PORTS_ABI} can")
    if abi < 1:
        fix = "start a Linux of 5.13 or newer with landlock among its lsm= modules"
        return Wall(WallName.LANDLOCK, WallState.DOWN, "this kernel has no Landlock", fix)
    kernel = kernel or SystemKernel()
    wanted = ruleset(grants, ports=ports, abi=abi, own_root=own_root)
    # Sizes by version: older kernels take a longer structure only when the rest is zero.
    fields = 1 if abi < PORTS_ABI else 2 if abi < SCOPES_ABI else 3
    descriptor = kernel.create(struct.pack("=3Q", wanted.files, wanted.net, wanted.scopes)[: 8 * fields])
    try:
        missing = _grant(kernel, descriptor, wanted)
        libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
        kernel.restrict(descriptor)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return _wall(wanted, abi, missing)


def _grant(kernel: Kernel, ruleset: int, wanted: Ruleset) -> int:
    """Add all rules. Returns how many of the paths are not there."""
    missing = 0
    for rule in wanted.rules[:MAX_RULES]:
        try:
            target = _opened(rule)
        except OSError:
            missing += 1
            continue
        try:
            fitting = _fitting(rule.rights, os.fstat(target).st_mode, wanted.files)
            if fitting:
                kernel.allow_path(ruleset, fitting, target)
        except OSError as error:
            # A pipe or socket: they have no path and are never refused by one.
            if error.errno != errno.EBADFD:
                raise
        finally:
            os.close(target)
    for port in wanted.ports:
        kernel.allow_port(ruleset, Port.CONNECT, port)
    return missing


def _opened(rule: Rule) -> int:
    """A descriptor of the rule's path.

    Granted paths were resolved when the profile was made. A link in one was put there since, or is one of the names in
    a carved folder: what it leads to was not granted.
    """
    flags = libc.O_PATH | os.O_CLOEXEC
    if rule.follow:
        return os.open(rule.path, flags)
    how = struct.pack("=3Q", flags, 0, _RESOLVE_NO_SYMLINKS)
    try:
        return libc.call("openat2", libc.AT_FDCWD, os.fsencode(rule.path), how, len(how))
    except OSError as error:
        # Some filters around containers forbid a call that they don't know, though the kernel has it.
        if error.errno not in {errno.EPERM, errno.ENOSYS}:
            raise
    target = os.open(rule.path, flags | os.O_NOFOLLOW)
    is_link = stat.S_ISLNK(os.fstat(target).st_mode)
    if is_link or str(Path(f"{_OWN_DESCRIPTORS}{target}").readlink()) != rule.path:
        os.close(target)
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), rule.path)
    return target


def _fitting(rights: Right, mode: int, known: Right) -> Right:
    """The rights that what was found can carry. A device that was granted for writing takes its requests too."""
    if stat.S_ISDIR(mode):
        return rights
    if stat.S_ISCHR(mode) and rights & Right.WRITE_FILE:
        rights |= Right.IOCTL_DEV & known
    return rights & _FOR_FILES


def _wall(wanted: Ruleset, abi: int, missing: int) -> Wall:
    held = ["files"]
    lacking: list[str] = []
    for since, what in ((2, "moves between folders"), (3, "truncating"), (5, "devices"), (SCOPES_ABI, "scopes")):
        if abi >= since:
            held += [what] if since > 3 else []
        else:
            lacking.append(what)
    if wanted.net:
        held.insert(1, "ports")
    if wanted.files & Right.RESOLVE_UNIX:
        held.append("sockets")
    detail = f"Landlock ABI {abi}: {', '.join(held)}"
    if lacking:
        detail += f"; not {', '.join(lacking)}"
    if wanted.open:
        detail += f"; {len(wanted.open)} paths inside granted folders are as open as these"
    if missing:
        detail += f"; {missing} paths not there"
    if wanted.open:
        fix = "needs a mount namespace of its own, or the folder not granted for writing"
    else:
        fix = "Linux 6.12 or newer holds all of it" if lacking else ""
    return Wall(WallName.LANDLOCK, WallState.PARTLY if fix else WallState.UP, detail, fix)
