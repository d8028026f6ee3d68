"""Where the daemon and its clients meet.

The home directory holds what lives long (configuration, evidence, keys); the runtime directory holds the control
socket. Both come from the environment alone, so that the daemon and its clients agree without asking each other.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["SOCKET_NAME", "SocketPathError", "home_dir", "max_socket_path", "runtime_dir", "socket_path"]

SOCKET_NAME = "control.sock"


class SocketPathError(ValueError):
    """The operating system cannot bind a socket at a path of this length."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(
            f"the control socket's path is {len(os.fsencode(path))} bytes long and this system allows {limit}: {path}; "
            "choose a shorter home with --home or PIPELOCK_HOME"
        )


def home_dir(environ: Mapping[str, str], home: str | Path | None = None) -> Path:
    """Pipelock's home: `home` (from --home), else PIPELOCK_HOME, else ~/.pipelock. Absolute; need not exist."""
    explicit = _explicit(environ, home)
    return explicit if explicit is not None else _user_home(environ) / ".pipelock"


def runtime_dir(environ: Mapping[str, str], home: str | Path | None = None) -> Path:
    """The directory of the control socket. Absolute; need not exist.

    With an explicit home (`home` or PIPELOCK_HOME) its `run`; else `$XDG_RUNTIME_DIR/pipelock`; else ~/.pipelock/run.
    A relative XDG_RUNTIME_DIR is ignored, as the XDG base directory specification demands.
    """
    explicit = _explicit(environ, home)
    if explicit is not None:
        return explicit / "run"
    shared = environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(shared):  # noqa: PTH117 - the empty string is not the current directory here
        return Path(shared) / "pipelock"
    return _user_home(environ) / ".pipelock" / "run"


def socket_path(environ: Mapping[str, str], home: str | Path | None = None) -> Path:
    """The control socket.

    Raises:
        SocketPathError: No socket can be bound at that path.
    """
    path = runtime_dir(environ, home) / SOCKET_NAME
    limit = max_socket_path()
    if len(os.fsencode(path)) > limit:
        raise SocketPathError(path, limit)
    return path


def max_socket_path(platform: str = sys.platform) -> int:
    """Longest socket path in bytes: `sun_path` less its closing NUL (108 on Linux, 104 on macOS and the BSDs)."""
    return 107 if platform.startswith("linux") else 103


def _explicit(environ: Mapping[str, str], home: str | Path | None) -> Path | None:
    chosen = str(home or environ.get("PIPELOCK_HOME", ""))
    if not chosen:
        return None
    if chosen == "~" or chosen.startswith("~/"):
        return _user_home(environ) / chosen[2:]
    return Path(chosen).absolute()


def _user_home(environ: Mapping[str, str]) -> Path:
    found = environ.get("HOME", "")
    return Path(found).absolute() if found else Path.home()
