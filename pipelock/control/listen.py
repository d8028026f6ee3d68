"""Putting the control socket where clients look for it, and nowhere a stranger can reach it.

The directory is 0700 and ours, the socket 0600 from the moment it exists. A lock beside it makes sure that of two
daemons started at once one gives way; a socket that a crashed daemon left behind is replaced.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.protocol import Factory

from pipelock.control._credentials import credentials
from pipelock.control.paths import SocketPathError, max_socket_path
from pipelock.door.edges import Port, UnixReactor

__all__ = ["AlreadyRunningError", "ControlPort", "UnsafePathError", "listen", "prepare_runtime_dir"]

_BACKLOG = 64
_PROBE_SECONDS = 1.0

T = TypeVar("T")


class AlreadyRunningError(Exception):
    """Another daemon serves this socket. `pid` is 0 where it can't be told."""

    def __init__(self, path: Path, pid: int) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(f"a pipelock daemon is running already ({who} holds {path}); stop it or use another --home")
        self.pid = pid


class UnsafePathError(Exception):
    """The control socket can't be put there, because others could reach it or it is not ours to replace."""


def prepare_runtime_dir(directory: Path) -> None:
    """Make `directory`, 0700 and ours, or check that it is.

    Raises:
        UnsafePathError: It is something else, belongs to somebody else, or others have rights to it.
        OSError: It can't be made.
    """
    # A parent that must be made is made private as well; mkdir's mode is for the last one only.
    missing = [directory, *directory.parents]
    for part in reversed([part for part in missing if not os.path.lexists(part)]):
        part.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        raise UnsafePathError(f"{directory} must be a directory, not a link or a file; remove it")
    if found.st_uid != os.getuid():
        raise UnsafePathError(f"{directory} belongs to uid {found.st_uid}, not to this user; use another --home")
    if found.st_mode & 0o077:
        raise UnsafePathError(
            f"{directory} is open to others (mode {found.st_mode & 0o777:04o}); chmod 700 {directory}"
        )


class ControlPort:
    """A listening control socket; `stop` it."""

    def __init__(self, port: Port, path: Path, lock: int) -> None:
        self._port = port
        self._path = path
        self._lock = lock

    @property
    def path(self) -> Path:
        """Where the socket is."""
        return self._path

    def stop(self) -> Deferred[None]:
        """Listen no more and remove the socket. Connections that exist are the server's affair."""
        if not os.path.lexists(self._path):
            # Twisted removes the file before it closes the socket, and would stop half-way where it is gone already.
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
        stopped: Deferred[None] = maybeDeferred(self._stop_listening)
        stopped.addBoth(self._unlock)
        return stopped

    def _stop_listening(self) -> Deferred[None]:
        return self._port.stopListening() or succeed(None)

    def _unlock(self, result: T) -> T:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        return result


def listen(reactor: UnixReactor, path: Path, factory: Factory) -> ControlPort:
    """Serve `factory` on the Unix socket `path`, whose directory is made where it is missing.

    Raises:
        AlreadyRunningError: Another daemon does.
        SocketPathError: The path is too long for a socket.
        UnsafePathError: See `prepare_runtime_dir`; or `path` is something other than a socket.
        OSError: The directory or the socket can't be made.
        twisted.internet.error.CannotListenError: Likewise.
    """
    limit = max_socket_path()
    if len(os.fsencode(path)) > limit:
        raise SocketPathError(path, limit)
    prepare_runtime_dir(path.parent)
    lock = _take_lock(path)
    try:
        _remove_stale(path)
        # Between bind and chmod the socket would be open to all; nothing else runs on this thread meanwhile.
        before = os.umask(0o177)
        try:
            port = reactor.listenUNIX(os.fspath(path), factory, backlog=_BACKLOG, mode=0o600)
        finally:
            os.umask(before)
    except BaseException:
        os.close(lock)
        raise
    return ControlPort(port, path, lock)


def _take_lock(path: Path) -> int:
    """The descriptor that holds the lock beside `path`. The kernel gives it back when the process ends, however."""
    name = path.with_suffix(".lock")
    lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        try:
            holder = os.read(lock, 20).strip()
        finally:
            os.close(lock)
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            raise AlreadyRunningError(path, int(holder) if holder.isdigit() else 0) from error
        raise
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def _remove_stale(path: Path) -> None:
    """Remove a socket that nobody answers at. With the lock held it can't be that of a daemon about to listen."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise UnsafePathError(f"{path} is not a socket; remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except FileNotFoundError:
            return
        except (TimeoutError, BlockingIOError) as error:
            # Its queue is full: it listens, it only does not get round to us.
            raise AlreadyRunningError(path, 0) from error
        raise AlreadyRunningError(path, credentials(probe).pid)
