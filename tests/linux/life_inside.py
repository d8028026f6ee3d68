"""A program that raises the walls of namespaces, network and files around itself, tries things, and prints what came.

`python life_inside.py HOME [BESIDES]` expects what `lay_out` made there, and grants what `BESIDES` names on top of it. It
prints one JSON object: for each thing tried its outcome (what it gave, or the name of the error), or `unable` with a
reason where the walls can't be raised.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import pty
import select
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from pipelock.contain.profile import Access, Grant, Network, Profile
from pipelock.model import HandedKind
from pipelock_linux import covers, libc, mounts, namespaces, network, privileges

HOST_PORT = 5432
SECRET = "the secret"


def lay_out(home: Path) -> list[socket.socket]:
    """Make what the program grants and hides. The sockets are to be kept open."""
    folders = (
        "work/.git/hooks", "work/sub", "work/secret/deep/open", "cache/inner", "other", "doubtful", "bare",
        "kept/changes", "damaged/changes/closed/inner", "damaged/work/work/closed",
    )  # fmt: skip
    for folder in folders:
        (home / folder).mkdir(parents=True)
    texts = {
        "work/.env": SECRET,
        "work/file": "text",
        "work/.git/hooks/pre-commit": "hook",
        "work/secret/key": SECRET,
        "work/secret/deep/open/file": "shown",
        "cache/old": "old",
        "cache/inner/removed": "old",
        "settings": "read me",
        "state": "old",
        "seed": "seeded",
        "bare/hidden": SECRET,
        "doubtful/old": "old",
        "kept/changes/before": "kept",
        "damaged/changes/old": "dam",
        "damaged/changes/closed/inner/file": "",
        # Agents of this life of the machine and of an earlier one left them.
        f"kept/unwritten.{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}.1": "",
        "damaged/unwritten.e8e4ec03-6a72-4dd4-9b0f-4c2a1c7b4f1d.1": "",
    }
    for name, text in texts.items():
        (home / name).write_text(text)
    (home / "link").symlink_to("/etc")
    # As the kernel left it at the end of an earlier life: it takes no folder with that mark again.
    mark = home / "kept/work/work/incompat/volatile"
    mark.mkdir(parents=True)
    (mark / "dirty").touch(0)
    for closed in (mark, *mark.parents[:2], home / "damaged/changes/closed", home / "damaged/work/work"):
        closed.chmod(0)
    bound = []
    for name in ("work/closed.sock", "work/granted.sock"):
        bound.append(socket.socket(socket.AF_UNIX))
        bound[-1].bind(str(home / name))
        bound[-1].listen()
        (home / name).chmod(0o777)
    return bound


BESIDES = {
    "": (),
    "a link": (Grant(path="link", access=Access.READ, why="test"),),
    "a hidden part that vanished": (Grant(path="work/vanished", access=Access.MASK, why="test"),),
    "everything": (Grant(path="", access=Access.READ, why="test"),),
}
"""Grants by name, with paths below the home; the root where it is empty."""


def profile(home: Path, besides: str = "") -> Profile:
    """What is granted of it."""

    def grant(path: str | Path, access: Access, *, is_folder: bool = True, upper: str = "") -> Grant:
        return Grant(path=str(path), access=access, why="test", is_folder=is_folder, upper=upper)

    work = home / "work"
    grants = [
        grant("/etc", Access.READ),
        grant("/usr", Access.READ),
        grant(home.parent, Access.PRIVATE),
        grant(work, Access.WRITE),
        grant(work / "sub", Access.WRITE),  # adds nothing: it must not get in the way of renaming
        grant(work / ".git/hooks", Access.READ),
        grant(work / ".env", Access.MASK, is_folder=False),
        grant(work / "secret", Access.MASK),
        grant(work / "secret/deep/open", Access.READ),
        grant(work / "granted.sock", Access.WRITE, is_folder=False),
        grant(home / "cache", Access.COPY, upper=str(home / "kept")),
        grant(home / "other", Access.COPY, upper=str(home / "kept")),  # which is in use then
        grant(home / "doubtful", Access.COPY, upper=str(home / "damaged")),
        grant(home / "settings", Access.READ, is_folder=False),
        grant(home / "gone", Access.READ),
        grant(home / "state", Access.COPY, is_folder=False),
    ]
    top = [name for name in ("bin", "lib", "lib64", "sbin") if Path("/", name).is_dir()]
    links = [(f"/{name}", f"usr/{name}") for name in top if Path("/", name).is_symlink()]
    grants += [grant(f"/{name}", Access.READ) for name in top if not Path("/", name).is_symlink()]
    for one in BESIDES[besides]:
        grants.append(msgspec.structs.replace(one, path=str(home / one.path) if one.path else "/"))
    return Profile(
        agent="test",
        command=("true",),
        folder=str(work),
        workspace=str(work),
        home=str(home),
        grants=tuple(grants),
        environment=(),
        network=Network(host_ports=(HOST_PORT,)),
        links=tuple(links),
        seeds=((str(home / "seed"), str(home / "cache/seed")),),
    )


def names_in(folder: str | Path) -> list[str]:
    """Sorted."""
    return sorted(one.name for one in Path(folder).iterdir())


def tried(what: Callable[[], object]) -> object:
    """What it gave, or the error's name."""
    try:
        return what()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))


class Inside:
    """What is tried, by name."""

    def __init__(self, home: Path, handed: network.Handed) -> None:
        self.home = home
        self.work = home / "work"
        self.handed = {(one.kind, one.port, one.family): descriptor for one, descriptor in handed}
        self.found: dict[str, object] = {}

    def note(self, name: str, what: Callable[[], object]) -> None:
        self.found[name] = tried(what)

    # -- network -------------------------------------------------------------------------------------------------------

    def on_network(self) -> None:
        self.found["handed"] = [[kind.value, port, family] for kind, port, family in self.handed]
        self.found["closed on exec"] = not any(map(os.get_inheritable, self.handed.values()))
        for family, far, near in ((4, "93.184.216.34", "127.0.0.1"), (6, "2606:2800:220::1", "::1")):
            if any(one[2] == family for one in self.handed):
                self.on_family(family, far, near)

    def on_family(self, family: int, far: str, near: str) -> None:
        def accepted(name: str, kind: HandedKind, port: int, address: str, to: int) -> None:
            self.note(f"{name} {family}", lambda: self.accepted(kind, port, family, address, to))

        accepted("proxy", HandedKind.PROXY, 8888, near, 8888)
        accepted("far 443", HandedKind.TRANSPARENT, 443, far, 443)
        accepted("host port", HandedKind.HOST_PORT, HOST_PORT, near, HOST_PORT)
        caught = next((port for kind, port, its in self.handed if kind is HandedKind.REDIRECTED and its == family), 0)
        for port in (22, 8888, HOST_PORT):
            if caught:
                accepted(f"far {port}", HandedKind.REDIRECTED, caught, far, port)
            else:
                self.note(f"far {port} {family}", partial(self.connected, far, port))
        self.note(f"near 22 {family}", lambda: self.connected(near, 22))
        self.note(f"far tcp 53 {family}", lambda: self.connected(far, 53))
        self.note(f"own {family}", lambda: self.own_server(near))
        self.note(f"udp {family}", lambda: self.udp(far))
        self.note(f"asked {family}", lambda: self.asked(family, far))
        self.note(f"taken {family}", lambda: self.bound_again(near, 8888))

    def connected(self, address: str, port: int) -> str:
        with socket.create_connection((address, port), 5):
            return "connected"

    def accepted(self, kind: HandedKind, port: int, family: int, address: str, to: int) -> list[object]:
        """Connect, take it from our listener: the socket's own name, and where it was going before it was redirected."""
        number = socket.AF_INET if family == 4 else socket.AF_INET6
        with (
            socket.create_connection((address, to), 5),
            socket.socket(fileno=os.dup(self.handed[kind, port, family])) as listener,
        ):
            listener.settimeout(5)
            with listener.accept()[0] as link:
                if kind is not HandedKind.REDIRECTED:
                    return list(link.getsockname()[:2])
                # SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST: a sockaddr_in, a sockaddr_in6.
                level, size, start, length = (0, 16, 4, 4) if family == 4 else (41, 28, 8, 16)
                name = link.getsockopt(level, 80, size)
                return [socket.inet_ntop(number, name[start : start + length]), struct.unpack_from("!H", name, 2)[0]]

    def own_server(self, near: str) -> str:
        number = socket.AF_INET6 if ":" in near else socket.AF_INET
        with socket.create_server((near, 3000), family=number) as server, socket.create_connection((near, 3000), 5):
            server.settimeout(5)
            server.accept()[0].close()
        return "served"

    def udp(self, far: str) -> object:
        with socket.socket(socket.AF_INET6 if ":" in far else socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(5)
            link.connect((far, 443))
            link.send(b"x")
            return link.recv(1).hex()

    def asked(self, family: int, far: str) -> list[object]:
        """A question to an address far away: what came, and which address was asked. Then the answer, from there."""
        number = socket.AF_INET if family == 4 else socket.AF_INET6
        with (
            socket.socket(number, socket.SOCK_DGRAM) as link,
            socket.socket(fileno=os.dup(self.handed[HandedKind.DNS, 53, family])) as names,
        ):
            link.settimeout(5)
            names.settimeout(5)
            link.connect((far, 53))
            link.send(b"question")
            question, ancillary, _, sender = names.recvmsg(512, 256)
            level, kind, data = ancillary[0]
            if family == 4:
                address = socket.inet_ntop(number, data[8:12])
                answered_from = struct.pack("=i4s4s", 0, socket.inet_pton(number, far), bytes(4))
            else:
                address = socket.inet_ntop(number, data[:16])
                answered_from = socket.inet_pton(number, far) + bytes(4)
            level, kind = (0, 8) if family == 4 else (41, 50)
            names.sendmsg([b"answer"], [(level, kind, answered_from)], 0, sender)
            return [question.decode(), address, link.recv(512).decode()]

    def bound_again(self, near: str, port: int) -> str:
        with socket.socket(socket.AF_INET6 if ":" in near else socket.AF_INET) as link:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            link.bind((near, port))
            link.listen()
        return "bound"

    # -- files ---------------------------------------------------------------------------------------------------------

    def on_files(self) -> None:
        work, home = self.work, self.home
        self.found["root"] = names_in("/")
        self.found["home"] = names_in(home)
        self.found["devices"] = names_in("/dev")
        self.found["descriptors"] = self.leaked()
        self.found["mounts"] = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
        for name, path in {
            "read file": work / "file",
            "read mask": work / ".env",
            "read masked folder": work / "secret/key",
            "read shown again": work / "secret/deep/open/file",
            "read settings": home / "settings",
            "read seed": home / "cache/seed",
            "read old": home / "cache/old",
            "read kept": home / "cache/before",
            "read doubtful": home / "doubtful/old",
            "read copied file": home / "state",
            "read bare": home / "bare/hidden",
            "read resolver": Path("/etc/resolv.conf"),
            "read hosts": Path("/etc/hosts"),
        }.items():
            self.note(name, path.read_text)
        for name, path in {
            "write file": work / "file",
            "write new": work / "sub/new",
            "write hook": work / ".git/hooks/pre-commit",
            "write new hook": work / ".git/hooks/post-commit",
            "write git": work / ".git/description",
            "write mask": work / ".env",
            "write in mask": work / "secret/new",
            "write shown again": work / "secret/deep/open/file",
            "write settings": home / "settings",
            "write copy": home / "cache/old",
            "write other": home / "other/new",
            "write copied file": home / "state",
            "write private": home / "new",
            "write root": Path("/new"),
            "write device folder": Path("/dev/new"),
            "write system": Path("/usr/new"),
            "write kernel": Path("/proc/sys/kernel/core_pattern"),
            "write process": Path("/proc/self/comm"),
            "write null": Path("/dev/null"),
        }.items():
            self.note(name, lambda path=path: path.write_text("new"))  # type: ignore[misc]
        self.note("remove copy", (home / "cache/inner/removed").unlink)
        self.note("rename protected", lambda: (work / ".git").rename(work / "moved"))
        self.note("remove mask", (work / ".env").unlink)
        self.note("rename across", lambda: str((work / "sub/new").rename(work / "renamed").name))
        self.note("masked socket", lambda: self.local(work / "closed.sock"))
        self.note("granted socket", lambda: self.local(work / "granted.sock"))
        self.note("processes", lambda: [name for name in names_in("/proc") if name.isdigit()])
        self.note("kernel memory", lambda: stat.S_IMODE(Path("/proc/kcore").stat().st_mode))
        self.note("terminal", self.terminal)
        self.note("own terminal", lambda: os.ttyname(0))
        self.note("shared memory", lambda: Path("/dev/shm/x").write_text("x"))
        self.note("random", lambda: len(os.read(os.open("/dev/urandom", os.O_RDONLY), 4)))
        self.note("flags", self.flags)
        self.note("mknod", lambda: os.mknod(work / "device", stat.S_IFCHR | 0o666, os.makedev(1, 5)))
        self.note("shell", self.shell)

    def on_replacement(self, link: socket.socket) -> None:
        """Somebody outside saves what is hidden anew."""
        watched = covers.Covers()
        poll = select.poll()
        poll.register(watched.fileno(), covers.EVENTS)
        self.found["quiet before"] = not poll.poll(0)
        link.send(b"x")
        link.recv(1)
        self.found["told"] = bool(poll.poll(5000))
        self.found["lost"] = list(watched.lost())
        self.found["quiet after"] = not poll.poll(0)

    @staticmethod
    def leaked() -> list[str]:
        """Paths of descriptors that are open on something of the host's."""
        found = set()
        for link in Path("/proc/self/fd").iterdir():
            if int(link.name) > 2:
                found.add(str(tried(lambda link=link: str(link.readlink()))))  # type: ignore[misc]
        return sorted(path for path in found if path.startswith("/") and not path.startswith("/proc/"))

    @staticmethod
    def local(path: Path) -> str:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(str(path))
        return "connected"

    @staticmethod
    def terminal() -> str:
        ours, its = pty.openpty()
        return os.ttyname(its)[:9] if os.isatty(ours) else "none"

    def flags(self) -> dict[str, bool]:
        """For mounts of the host's: whether set-uid programs and devices there are nothing special."""
        found = {}
        for path in ("/usr", str(self.work), str(self.home / "cache")):
            flag = os.statvfs(path).f_flag
            found[path.rpartition("/")[2]] = bool(flag & os.ST_NOSUID and flag & os.ST_NODEV)
        return found

    @staticmethod
    def shell() -> str:
        done = subprocess.run(["/bin/sh", "-c", "echo $$; id -u"], capture_output=True, text=True, check=False)
        return done.stdout.split()[-1]


def say(found: dict[str, object]) -> None:
    """As the program's answer."""
    os.write(1, json.dumps(found).encode())


def main(home: Path, besides: str = "") -> None:
    ctypes.CDLL(None).prctl(libc.PR_SET_DUMPABLE, 1, 0, 0, 0)  # it isn't, where another user's number was taken
    outer, inner = socket.socketpair()
    child = os.fork()
    if not child:
        _be_inside(profile(home, besides), inner)
        os._exit(0)
    inner.close()
    if outer.recv(1):
        try:
            namespaces.map_identity(child)
        except namespaces.WallError as error:
            say({"unable": str(error)})
        outer.send(b"x")
    if outer.recv(1):
        (home / "work/.env.new").write_text("another secret")
        (home / "work/.env.new").replace(home / "work/.env")
        outer.send(b"x")
    os.waitpid(child, 0)


def _be_inside(wish: Profile, link: socket.socket) -> None:
    sockets = mounts.host_sockets()
    try:
        walls = list(namespaces.enter())
        link.send(b"x")
        link.recv(1)
        handed = network.build(wish.network)
        walls.append(network.wall(wish.network, [one for one, _ in handed]))
    except namespaces.WallError as error:
        say({"unable": str(error)})
        return
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    inside = Inside(Path(wish.home), handed)
    inside.on_network()
    try:
        walls += mounts.build_root(wish, sockets=sockets)
        privileges.drop()
        privileges.no_new_privileges()
        inside.on_files()
        inside.on_replacement(link)
    except namespaces.WallError as error:
        inside.found["refused"] = str(error)
    inside.found["walls"] = {wall.name.value: [wall.state.value, wall.detail] for wall in walls}
    say(inside.found)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
