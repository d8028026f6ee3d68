"""Raises the walls of one process around itself, tries what is on its list, and prints how each attempt went.

Run as `behind_walls.py alone WORKSPACE`, `behind_walls.py told WORKSPACE SOCKET PORT` or `behind_walls.py foreign`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import pty
import signal
import socket
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Callable
from pathlib import Path

from pipelock.contain.profile import Access, Grant, Limits
from pipelock_linux import landlock, libc, privileges, seccomp
from pipelock_linux.seccomp import InetUse
from pipelock_linux.syscalls import NUMBERS, machine

_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", sys.base_prefix)


def grants(workspace: Path) -> list[Grant]:
    read = [Grant(path=os.path.realpath(path), access=Access.READ, why="system") for path in _SYSTEM]
    return [
        *read,
        Grant(path=str(workspace / "mine"), access=Access.WRITE, why="workspace"),
        Grant(path="/dev/pts", access=Access.WRITE, why="terminals of its own"),
        Grant(path=str(workspace / "readable"), access=Access.READ, why="told to"),
    ]


def tried(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok"


def made(*args: int) -> None:
    socket.socket(*args).close()


def paired(kind: int) -> None:
    for end in socket.socketpair(socket.AF_UNIX, kind):
        end.close()


def typed() -> None:
    """Puts a letter into a terminal's input, as if it had been typed; the request with an upper half too."""
    _, slave = pty.openpty()
    tty.setraw(slave)
    termios.tcgetwinsize(slave)
    with contextlib.suppress(PermissionError):
        fcntl.ioctl(slave, termios.TIOCSTI, b"x")
        return
    libc.call("ioctl", slave, 1 << 32 | termios.TIOCSTI, ctypes.create_string_buffer(b"x"))


def cloned(flags: int) -> None:
    if not libc.call("clone", flags | signal.SIGCHLD, None, None, None, None):
        os._exit(0)
    os.wait()


def started_a_thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def older_machine() -> str:
    """What happens to a call by the door of 32-bit programs: `mov eax, 20 (getpid); int 0x80; ret`."""
    code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))
    pid = os.fork()
    if not pid:
        ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "lived"


def wrote(path: Path) -> None:
    path.write_text("new", encoding="utf-8")


def moved(workspace: Path) -> None:
    (workspace / "mine/one").mkdir()
    (workspace / "mine/two").mkdir()
    (workspace / "mine/one/file").touch()
    (workspace / "mine/one/file").rename(workspace / "mine/two/file")
    with (workspace / "mine/two/file").open("r+b") as file:
        file.truncate(0)
    os.mkfifo(workspace / "mine/pipe")


def capabilities(status: str) -> dict[str, str]:
    wanted = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    return {
        name: value.strip()
        for name, _, value in (line.partition(":") for line in status.splitlines())
        if name in wanted
    }


def alone(workspace: Path) -> dict[str, object]:
    limits = privileges.limits(Limits(files=300, file_size=1 << 20))
    privileges.no_new_privileges()
    privileges.drop()
    abi = landlock.abi()
    wall = landlock.apply(grants(workspace), ports=None, abi=abi, own_root=False)
    program = seccomp.program(unix_sockets=False, inet=InetUse.ALL, notify=False, machine=machine())
    seccomp.load(program, notify=False)
    numbers = NUMBERS[machine()]
    mine = workspace / "mine"
    return {
        "abi": abi,
        "walls": [limits.detail, wall.detail],
        "denied": {name: tried(lambda name=name: libc.call(name, *[0] * 6)) for name in seccomp.DENIED if name in numbers},
        "absent": {name: tried(lambda name=name: libc.call(name, *[0] * 6)) for name in seccomp.ABSENT if name in numbers},
        "newer": tried(lambda: libc.syscall(600)),
        "x32": tried(lambda: libc.syscall(0x40000000 | 39)),
        "int 0x80": older_machine() if machine() == "x86_64" else "SIGSYS",
        "calls": {
            "unshare files": tried(lambda: libc.call("unshare", 0x400)),
            "unshare user": tried(lambda: libc.call("unshare", libc.CLONE_NEWUSER)),
            "unshare time": tried(lambda: libc.call("unshare", libc.CLONE_NEWTIME)),
            "clone": tried(lambda: cloned(0)),
            "clone user": tried(lambda: cloned(libc.CLONE_NEWUSER)),
            "personality": tried(lambda: libc.call("personality", 0xFFFFFFFF)),
            "personality exec": tried(lambda: libc.call("personality", 0x0400000)),
            "device": tried(lambda: os.mknod(mine / "null", 0o020666, os.makedev(1, 3))),
            "typing": tried(typed),
            "thread": tried(started_a_thread),
        },
        "sockets": {
            "tcp": tried(lambda: made(socket.AF_INET, socket.SOCK_STREAM)),
            "udp": tried(lambda: made(socket.AF_INET, socket.SOCK_DGRAM)),
            "tcp6": tried(lambda: made(socket.AF_INET6, socket.SOCK_STREAM)),
            "mptcp": tried(lambda: made(socket.AF_INET, socket.SOCK_STREAM, 262)),
            "raw": tried(lambda: made(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)),
            "unix": tried(lambda: made(socket.AF_UNIX, socket.SOCK_STREAM)),
            "pair": tried(lambda: paired(socket.SOCK_STREAM)),
            "pair of datagrams": tried(lambda: paired(socket.SOCK_DGRAM)),
            "interfaces": tried(lambda: made(socket.AF_NETLINK, socket.SOCK_RAW, 0)),
            "uevents": tried(lambda: made(socket.AF_NETLINK, socket.SOCK_RAW, 15)),
            "packet": tried(lambda: made(socket.AF_PACKET, socket.SOCK_RAW)),
            "ciphers": tried(lambda: made(38, socket.SOCK_SEQPACKET)),
            "vsock": tried(lambda: made(40, socket.SOCK_STREAM)),
        },
        "files": {
            "write mine": tried(lambda: wrote(mine / "new")),
            "read readable": tried((workspace / "readable/text").read_bytes),
            "write readable": tried(lambda: wrote(workspace / "readable/text")),
            "read hidden": tried((workspace / "hidden/text").read_bytes),
            "list hidden": tried(lambda: list((workspace / "hidden").iterdir())),
            "link to hidden": tried(lambda: (mine / "link").symlink_to(workspace / "hidden/text")),
            "read by link": tried((mine / "link").read_bytes),
            "take hidden": tried(lambda: (workspace / "hidden/text").rename(mine / "taken")),
            "move": tried(lambda: moved(workspace)),
            "parent's memory": tried(Path(f"/proc/{os.getppid()}/environ").read_bytes),
            "set-user-ID": tried(lambda: (mine / "text").chmod(0o4755)),
            "made set-user-ID": tried(lambda: os.close(os.open(mine / "made", os.O_CREAT, 0o4755))),
            "runnable": tried(lambda: (mine / "text").chmod(0o755)),
            "too large": tried(lambda: os.truncate(mine / "new", 2 << 20)),
        },
        "signal": tried(lambda: os.kill(os.getppid(), 0)),
        "capabilities": capabilities(Path("/proc/self/status").read_text(encoding="utf-8")),
        "after exec": capabilities(subprocess.run(["/bin/cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout),
    }  # fmt: skip


def connected(port: int, *, how: str = "connect", protocol: int = 0) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as one:
        if how == "connect":
            one.connect(("127.0.0.1", port))
        else:
            one.sendto(b"x", 0x20000000, ("127.0.0.1", port))


def listening() -> None:
    with socket.socket() as one:
        one.listen()


def bound() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


def told(workspace: Path, link: int, port: int) -> dict[str, object]:
    ports = (port,) if landlock.abi() >= 4 else None
    privileges.no_new_privileges()
    privileges.drop()
    landlock.apply(grants(workspace), ports=ports, abi=landlock.abi(), own_root=False)
    program = seccomp.program(unix_sockets=False, inet=InetUse.TCP_ONLY, notify=True, machine=machine(), explain=True)
    listener = seccomp.load(program, notify=True)
    with socket.socket(fileno=link) as end:
        socket.send_fds(end, [b"x"], [listener])
        os.close(listener)
        # Whoever listens says when it does: until then nothing here may be held back for long.
        end.recv(1)
    os.chdir(workspace)
    (workspace / "mine/inside").symlink_to("..")
    again = seccomp.program(unix_sockets=True, inet=InetUse.ALL, notify=True, machine=machine())
    return {
        "second listener": tried(lambda: seccomp.load(again, notify=True)),
        "nested filter": tried(lambda: seccomp.load(_ALLOW_ALL, notify=False)),
        "ptrace": tried(lambda: libc.call("ptrace", 0, 0, 0, 0)),
        "unix": tried(lambda: made(socket.AF_UNIX, socket.SOCK_DGRAM)),
        "udp": tried(lambda: made(socket.AF_INET, socket.SOCK_DGRAM)),
        "namespaces": tried(lambda: libc.call("unshare", libc.CLONE_NEWUSER | libc.CLONE_NEWNET)),
        "listen": tried(listening),
        "bind": tried(bound),
        "connect": tried(lambda: connected(port)),
        "connect elsewhere": tried(lambda: connected(1)),
        "send elsewhere": tried(lambda: connected(1, how="send")),
        "multipath": tried(lambda: connected(1, protocol=262)),
        "read": tried(Path("readable/text").read_bytes),
        "write": tried(lambda: wrote(Path("mine/inside/readable/text"))),
        "not text": tried(lambda: Path("mine/\udcff").rename("mine/two\udcfe")),
        "from a folder": tried(lambda: _from_folder("mine")),
        "nowhere": tried(lambda: libc.call("openat", libc.AT_FDCWD, 1, 0)),
        "run": tried(lambda: subprocess.run(["/bin/true"], check=True)),
        "threads": [tried(lambda: libc.call("ptrace", 0, 0, 0, 0)) for _ in range(50)].count("EPERM"),
    }


_ALLOW_ALL = bytes.fromhex("060000000000ff7f")


def _from_folder(name: str) -> None:
    folder = os.open(name, os.O_PATH | os.O_DIRECTORY)
    os.mkdir("../hidden/made", dir_fd=folder)


def foreign() -> None:
    """Takes the other machine's filter: the kernel reads it, and finds that this is not the machine."""
    other = next(name for name in NUMBERS if name != machine())
    privileges.no_new_privileges()
    filter_ = seccomp.program(unix_sockets=False, inet=InetUse.TCP_ONLY, notify=True, explain=True, machine=other)
    seccomp.load(filter_, notify=False)


if __name__ == "__main__":
    if sys.argv[1] == "foreign":
        foreign()
        sys.exit("still here")
    where = Path(sys.argv[2]).resolve()
    found = alone(where) if sys.argv[1] == "alone" else told(where, int(sys.argv[3]), int(sys.argv[4]))
    sys.stdout.write(json.dumps(found))
