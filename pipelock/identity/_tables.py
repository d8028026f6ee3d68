"""The kernel's table of TCP sockets as text, /proc/net/tcp and tcp6 (proc_net(5)): where netlink can't be asked."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from pathlib import Path

from pipelock.identity._netlink import Ends, Found

__all__ = ["MAX_TABLE_BYTES", "find_in_tables"]

MAX_TABLE_BYTES = 8 * 1024 * 1024
"""So much of each table is read: some fifty thousand sockets."""
_LISTEN = b"0A"


def find_in_tables(ends: Ends, proc: Path) -> Found | None:
    """The client's socket; `None` where it is not in the tables, or they can't be read."""
    names = ("tcp6",) if ":" in ends.client else ("tcp", "tcp6")
    for name in names:
        wanted = tuple(
            _form(host, port, wide=name == "tcp6")
            for host, port in ((ends.client, ends.client_port), (ends.server, ends.server_port))
        )
        with contextlib.suppress(OSError):
            with (proc / "net" / name).open("rb") as file:
                table = file.read(MAX_TABLE_BYTES)
            found = _find(table, *wanted)
            if found is not None:
                return found
    return None


def _find(table: bytes, local: bytes, remote: bytes) -> Found | None:
    at = table.find(b" " + local + b" " + remote + b" ")
    if at < 0:
        return None
    end = table.find(b"\n", at)
    # local remote state queues timer retransmits uid timeout inode
    fields = table[at : end if end >= 0 else None].split()
    try:
        inode, uid = int(fields[8]), int(fields[6])
    except (IndexError, ValueError):
        return None
    return Found(inode, uid) if inode and fields[2] != _LISTEN else None


def _form(host: str, port: int, *, wide: bool) -> bytes:
    """As the table writes it: 32-bit words in the order of the machine, the port as a number."""
    if ":" in host:
        packed = socket.inet_pton(socket.AF_INET6, host)
    else:
        packed = (b"\0" * 10 + b"\xff\xff" if wide else b"") + socket.inet_pton(socket.AF_INET, host)
    order = "<" if sys.byteorder == "little" else ">"
    words = struct.unpack(f"{order}{len(packed) // 4}I", packed)
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}".encode()
