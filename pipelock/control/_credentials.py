"""What the kernel says about the other end of a Unix socket."""

from __future__ import annotations

import errno
import os
import signal
import socket
import struct
import sys
from typing import NamedTuple

__all__ = ["Credentials", "PeerHandle", "credentials"]


class Credentials(NamedTuple):
    """Who a peer was as it connected. `pid` is 0 where this process can't see that one."""

    pid: int
    uid: int


# struct ucred of unix(7): pid, uid, gid.
_UCRED = struct.Struct("3i")
# <sys/un.h> and <sys/ucred.h> of macOS: struct xucred starts with version and uid.
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 0x001, 0x002
_XUCRED_SIZE = 76
# <asm-generic/socket.h>, Linux 6.5; Python has no name for it yet.
_SO_PEERPIDFD = 77


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


class PeerHandle:
    """Tells whether the process that connected `link` still exists.

    On Linux 6.5 and later it refers to that very process, so that another one which got its number is not mistaken
    for it. Elsewhere `is_gone` can only say no; start times have to do. Close it.
    """

    def __init__(self, link: socket.socket) -> None:
        self._descriptor = -1
        self._was_gone = False
        if not hasattr(signal, "pidfd_send_signal"):
            return
        try:
            self._descriptor = link.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD)
        except OSError as error:
            # Older kernels don't know the option; any other error means that the process has been reaped.
            self._was_gone = error.errno != errno.ENOPROTOOPT

    def is_gone(self) -> bool:
        """Whether the process is known to have ended."""
        if self._descriptor < 0:
            return self._was_gone
        try:
            signal.pidfd_send_signal(self._descriptor, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def close(self) -> None:
        """Give the descriptor back; harmless when done already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor, self._was_gone = -1, True
