"""Descriptors that a launcher hands over, looked at before anything is done with them.

What the frame says of them is compared with what the kernel says. A socket on the host's own network is taken only
where nobody but this machine can reach it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from pipelock.control.backend import BackendError
from pipelock.identity.process import PROC, ProcessId, UnreadableProcessError, namespaces, relatives
from pipelock.model import Contained, HandedKind, HandedSocket, Rung

__all__ = ["ProcessHandle", "check_all"]

_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_CATCHING = frozenset({HandedKind.TRANSPARENT, HandedKind.REDIRECTED, HandedKind.DNS})
"""Sockets that stand for other addresses than their own, and so exist only in a network of the agent's own."""
_NETNS_COOKIE = 71  # SO_NETNS_COOKIE (asm-generic/socket.h); not in the standard library


class ProcessHandle:
    """A process that no other can be mistaken for: a pidfd (pidfd_open(2)), which is ours to close.

    `pid` is its number here, `known_as` that with its start time, where it can be read.

    Only what `launcher` has launched is taken: it will be killed when somebody says so, and nobody who descends from it
    decides anything. Else an agent could hand over the operator's shell.

    Raises:
        BackendError: bad_request, it is no pidfd, or of a process that has ended or can't be seen from here;
            forbidden, of another user's or not the launcher's.
    """

    def __init__(self, descriptor: int, launcher: ProcessId | None, proc: Path = PROC) -> None:
        self._descriptor = descriptor
        self.pid = _field(proc / "self" / "fdinfo" / str(descriptor), "Pid:", "no pidfd came for the process")
        if self.pid <= 0:
            raise BackendError("bad_request", "the launched process has ended, or can't be seen from here")
        uid = _field(proc / str(self.pid) / "status", "Uid:", "the launched process has ended")
        if uid != os.getuid():
            raise BackendError("forbidden", f"the launched process belongs to uid {uid}")
        chain: tuple[ProcessId, ...] = ()
        with suppress(UnreadableProcessError):
            chain = tuple(relative.process for relative in relatives(self.pid, proc, whole=False))
        if launcher is None or launcher not in chain[1:]:
            raise BackendError("forbidden", f"process {self.pid} was not launched by who hands it over")
        with suppress(UnreadableProcessError):
            if any(chain[0] == ours.process for ours in relatives(os.getpid(), proc, whole=False)):
                raise BackendError("forbidden", f"process {self.pid} is this daemon, or has started it")
        self.known_as = chain[0]

    def is_gone(self) -> bool:
        """Whether it has ended; nobody need have waited for it."""
        if self._descriptor < 0:
            return True
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(0))

    def kill(self) -> bool:
        """End it, and with it all in its PID namespace; false where it was gone."""
        if self._descriptor < 0:
            return False
        try:
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of it; harmless when done already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _field(path: Path, name: str, missing: str) -> int:
    """The first number of a line in a file of /proc (proc_pid_fdinfo(5), proc_pid_status(5))."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError as error:
        raise BackendError("bad_request", missing) from error
    for line in lines:
        if line.startswith(name):
            return int(line.split()[1])
    raise BackendError("bad_request", missing)


def check_all(
    contained: Contained,
    sockets: Sequence[HandedSocket],
    descriptors: Sequence[int],
    launcher: ProcessId | None = None,
    proc: Path = PROC,
) -> ProcessHandle | None:
    """Compare descriptors, as many as `sockets`, with what is said of them, and make those of sockets non-blocking.

    Returns the process among them, which `launcher` must have launched; its descriptor is its own from now on.

    Raises:
        BackendError: something is not as it is said to be. Nothing is closed.
    """
    kinds = [one.kind for one in sockets]
    if HandedKind.PROXY not in kinds:
        raise BackendError("bad_request", "there is no listener for the proxy")
    if HandedKind.PROCESS in kinds[:-1]:
        raise BackendError("bad_request", "the process comes once, and last")
    if contained.rung is not Rung.NAMESPACE and not _CATCHING.isdisjoint(kinds):
        raise BackendError("bad_request", f"catching connections takes a network of its own, not rung {contained.rung}")
    for said, descriptor in zip(sockets, descriptors, strict=True):
        if said.kind is not HandedKind.PROCESS:
            _check_socket(said, descriptor, contained.rung)
    if kinds[-1] is not HandedKind.PROCESS:
        return None
    process = ProcessHandle(descriptors[-1], launcher, proc)
    if contained.rung is Rung.NAMESPACE and _shares_our_network(process.pid, proc):
        raise BackendError("bad_request", "the launched process lives in the daemon's own network namespace")
    return process


def _shares_our_network(pid: int, proc: Path) -> bool:
    """Whether it is known to: where its namespaces can't be read, only what its launcher says is known."""
    try:
        return namespaces(pid, proc)[0] == namespaces(os.getpid(), proc)[0] != ""
    except UnreadableProcessError:
        return False


def _network_of(link: socket.socket) -> int:
    """The number of the network that a socket lives in; 0 where the kernel does not tell (before Linux 5.14)."""
    try:
        return int.from_bytes(link.getsockopt(socket.SOL_SOCKET, _NETNS_COOKIE, 8), sys.byteorder)
    except OSError:
        return 0


def _is_in_our_network(link: socket.socket) -> bool:
    with socket.socket(link.family, link.type) as ours:
        return _network_of(link) == _network_of(ours) != 0


def _check_socket(said: HandedSocket, descriptor: int, rung: Rung) -> None:
    wanted = socket.SOCK_DGRAM if said.kind is HandedKind.DNS else socket.SOCK_STREAM
    name = f"the {said.kind.value} socket"
    try:
        link = socket.socket(fileno=descriptor)
    except OSError as error:
        raise BackendError("bad_request", f"{name} is no socket") from error
    try:
        if link.family is not _FAMILIES.get(said.family) or link.type is not wanted:
            raise BackendError("bad_request", f"{name} is of another family or type than it is said to be")
        if wanted is socket.SOCK_STREAM and not link.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise BackendError("bad_request", f"{name} does not listen")
        if rung is Rung.NAMESPACE and _is_in_our_network(link):
            raise BackendError("bad_request", f"{name} lives in the daemon's own network namespace")
        host, port, *_ = link.getsockname()
        if port != said.port:
            raise BackendError("bad_request", f"{name} is bound to port {port}, not {said.port}")
        if said.kind not in _CATCHING and not ip_address(host).is_loopback:
            raise BackendError("bad_request", f"{name} is bound to {host}, not to a loopback address")
        link.setblocking(False)  # noqa: FBT003 - the standard library's signature
    except (OSError, ValueError) as error:
        raise BackendError("bad_request", f"{name} can't be used: {error}") from error
    finally:
        link.detach()
