"""Which process of this machine has the other end of a TCP connection.

Linux: the kernel names the socket (its inode) for the exact pair of addresses; the process that has it open is looked
for first among those found lately, at the descriptor that they used last, then in all of theirs, then in the processes
of the same user, the youngest first. Elsewhere psutil is asked. What was found is looked at again afterwards: as long
as the process still has the socket, nobody else has its number.

Nothing here raises to the caller: what can't be found out is not known.
"""

from __future__ import annotations

import contextlib
import os
from collections import OrderedDict
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from pipelock.identity._netlink import Ends, Found, SocketDiag, folded
from pipelock.identity._tables import find_in_tables
from pipelock.identity.process import PROC, UnreadableProcessError, process_id
from pipelock.identity.quick import Held

__all__ = ["MAX_DESCRIPTORS", "MAX_RECENT", "Ends", "SocketOwners", "ends_of"]

MAX_RECENT = 64
"""Processes that are remembered for having been found."""
MAX_RECENT_SEARCHED = 16
"""So many of them, the latest, are searched whole."""
MAX_DESCRIPTORS = 20_000
"""Descriptors that are looked at in one search."""
MAX_PROCESSES = 10_000
"""Processes that are looked at in one search."""

_USUAL = "127.0.0.1"
_NEIGHBOURS = (0, 1, -1, 2, 3, 4)
"""Where the next socket of a process is likely: the lowest free number is given out again."""


def ends_of(client: str, client_port: int, server: str, server_port: int) -> Ends | None:
    """The ends of a connection whose client may be on this machine; `None` where it can't be."""
    if client == server == _USUAL:
        return Ends(client, client_port, server, server_port)
    ends = Ends(folded(client), client_port, folded(server), server_port)
    try:
        is_here = ip_address(ends.client).is_loopback or ends.client == ends.server
    except ValueError:
        return None
    return ends if is_here and (":" in ends.client) == (":" in ends.server) else None


class SocketOwners:
    """Finds processes by their sockets. For one thread at a time. Close it."""

    def __init__(self, proc: Path = PROC) -> None:
        self._proc = proc
        self._has_proc = (proc / "self" / "fd").is_dir()
        self._diag: SocketDiag | None = None
        self._has_diag = proc == PROC
        self._recent: OrderedDict[int, int] = OrderedDict()
        self._looked_at = 0

    def close(self) -> None:
        """Give the descriptor back."""
        if self._diag is not None:
            self._diag.close()
            self._diag = None

    def find(self, ends: Ends) -> Held | None:
        """The process that has the client's end of `ends`, and where; one of them where several have it."""
        if not self._has_proc:
            return _ask_psutil(ends)
        found = self._socket(ends)
        if found is None:
            return None
        self._looked_at = 0
        held = self._holder(found)
        if held is None:
            return None
        pid, descriptor = held
        try:
            process = process_id(pid, self._proc)
        except UnreadableProcessError:
            return None
        if not self._is_at(pid, descriptor, found.inode):
            return None  # it has closed it, or ended meanwhile and given its number away
        self._recent[pid] = descriptor
        self._recent.move_to_end(pid)
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        return Held(process, descriptor)

    # -- the socket ------------------------------------------------------------------------------------------------

    def _socket(self, ends: Ends) -> Found | None:
        if self._has_diag:
            try:
                if self._diag is None:
                    self._diag = SocketDiag()
                return self._diag.find(ends)
            except ValueError:
                return None
            except OSError:
                self.close()
                self._has_diag = False  # a system without it, or a sandbox that forbids it: it will stay so
        return find_in_tables(ends, self._proc)

    # -- who has it ------------------------------------------------------------------------------------------------

    def _holder(self, found: Found) -> tuple[int, int] | None:
        latest = list(reversed(self._recent.items()))
        for pid, descriptor in latest:
            for step in _NEIGHBOURS:
                if self._is_at(pid, descriptor + step, found.inode):
                    return pid, descriptor + step
        searched = [pid for pid, _ in latest[:MAX_RECENT_SEARCHED]]
        for pid in (*searched, *self._others(found.uid, frozenset(searched))):
            descriptor = self._search(pid, found.inode)
            if descriptor >= 0:
                return pid, descriptor
            if self._looked_at > MAX_DESCRIPTORS:
                return None
        return None

    def _is_at(self, pid: int, descriptor: int, inode: int) -> bool:
        try:
            return os.readlink(f"{self._proc}/{pid}/fd/{descriptor}") == f"socket:[{inode}]"  # noqa: PTH115 - many, and fast
        except OSError:
            return False

    def _search(self, pid: int, inode: int) -> int:
        """The descriptor at which process `pid` has a socket, -1 where it has not."""
        try:
            descriptors = os.listdir(f"{self._proc}/{pid}/fd")  # noqa: PTH208 - likewise
        except OSError:
            self._recent.pop(pid, None)
            return -1
        for descriptor in descriptors[: MAX_DESCRIPTORS - self._looked_at + 1]:
            self._looked_at += 1
            if self._is_at(pid, int(descriptor), inode):
                return int(descriptor)
        return -1

    def _others(self, uid: int, but: frozenset[int]) -> Iterator[int]:
        """Processes of user `uid`, the youngest first as far as numbers tell. None where we may not look into them."""
        if os.getuid() not in (0, uid):
            return
        own = os.getpid()
        pids: list[int] = []
        with contextlib.suppress(OSError):
            pids = [int(name) for name in os.listdir(self._proc) if name.isdecimal()]  # noqa: PTH208 - likewise
        for pid in sorted(pids, reverse=True)[:MAX_PROCESSES]:
            with contextlib.suppress(OSError):
                if pid != own and pid not in but and os.stat(f"{self._proc}/{pid}").st_uid == uid:  # noqa: PTH116 - likewise
                    yield pid


def _ask_psutil(ends: Ends) -> Held | None:
    import psutil  # noqa: PLC0415 - only systems without /proc need it

    wanted = (ends.client, ends.client_port), (ends.server, ends.server_port)
    own = os.getpid()
    with contextlib.suppress(psutil.Error, OSError, RuntimeError):
        for pid in sorted(psutil.pids(), reverse=True)[:MAX_PROCESSES]:
            with contextlib.suppress(psutil.Error, OSError, UnreadableProcessError):
                links = psutil.Process(pid).net_connections("tcp") if pid != own else []
                if any((_plain(link.laddr), _plain(link.raddr)) == wanted for link in links[:MAX_DESCRIPTORS]):
                    return Held(process_id(pid), -1)
    return None


def _plain(address: tuple[str, int] | tuple[()]) -> tuple[str, int]:
    return (folded(address[0]), address[1]) if address else ("", 0)
