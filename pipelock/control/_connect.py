"""Reaching the daemon: what both clients do before the first frame."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pipelock.control._credentials import credentials
from pipelock.control.errors import ControlError, NotRunning

__all__ = ["RETRY_SECONDS", "connect_error", "lost_error", "try_connect"]

RETRY_SECONDS = 0.01
"""How long to wait before trying again where the daemon's queue of connections is full."""


def try_connect(path: Path) -> socket.socket | None:
    """A connected, non-blocking socket; `None` where the daemon's queue is full: try again in a moment.

    Connecting a Unix socket never waits: unlike TCP's, it is done or refused at once (EAGAIN of connect(2)).

    Raises:
        ControlError: forbidden where the server runs as another user, who is told nothing.
        OSError: It can't be reached; see `connect_error`.
    """
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(0)
        link.connect(os.fspath(path))
        _refuse_stranger(link, path)
    except BlockingIOError:
        link.close()
        return None
    except BaseException:
        link.close()
        raise
    return link


def _refuse_stranger(link: socket.socket, path: Path) -> None:
    uid = credentials(link).uid
    if uid != os.getuid():
        raise ControlError("forbidden", f"the server at {path} runs as uid {uid}, not as this user")


def connect_error(error: OSError, path: Path) -> ControlError:
    """What a failed connect to `path` means to a person."""
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return NotRunning(path)
    if isinstance(error, PermissionError):
        return ControlError("forbidden", f"this user may not use the control socket {path}")
    if isinstance(error, TimeoutError):
        return ControlError("timeout", f"the daemon at {path} does not accept connections")
    return ControlError("disconnected", f"cannot connect to {path}: {error}")


def lost_error(error: OSError) -> ControlError:
    """What a broken connection means to a person."""
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return ControlError("disconnected", "the daemon closed the connection")
    return ControlError("disconnected", f"the connection to the daemon broke: {error}")
