"""Who is at the other end of a Unix socket, and what that one may do."""

from __future__ import annotations

import socket
import struct
import sys
from typing import NamedTuple

__all__ = ["Credentials", "credentials"]


class Credentials(NamedTuple):
    """What the kernel says about a peer as it connected. `pid` is 0 where this process can't see that one."""

    pid: int
    uid: int


# struct ucred of unix(7): pid, uid, gid.
_UCRED = struct.Struct("3i")
# <sys/un.h> and <sys/ucred.h> of macOS: struct xucred starts with version and uid.
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 0x001, 0x002
_XUCRED_SIZE = 76


def credentials(link: socket.socket) -> Credentials:
    """Who connected `link`: SO_PEERCRED (unix(7)) on Linux, LOCAL_PEERCRED and LOCAL_PEERPID on macOS.

    Raises:
        OSError: It can't be found out.
    """
    if sys.platform == "darwin":
        _version, uid = struct.unpack_from("Ii", link.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED_SIZE))
        (pid,) = struct.unpack("i", link.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID, 4))
        return Credentials(pid, uid)
    pid, uid, _gid = _UCRED.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Credentials(pid, uid)
