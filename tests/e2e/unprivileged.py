"""Running programs as an ordinary user where the tests run as root.

As a program: `python unprivileged.py COMMAND…` shows uid 65534 the machine as it is, but for the folders that only root
may pass on the way to our interpreter and sources: in a mount namespace of its own these are empty, with the wanted
folders bound back in. Where the tests are run by an ordinary user anyway, commands are run as they are.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pipelock_linux import libc

__all__ = ["NOBODY", "Somebody", "somebody"]

NOBODY = 65534
_BIND, _PRIVATE_RECURSIVE = 0x1000, 0x4000 | 0x40000  # MS_BIND, MS_REC | MS_PRIVATE of mount(2)
_SOURCES = Path(__file__).resolve().parents[2]


class Somebody:
    """An ordinary user with a home of its own, in a folder that everybody can reach.

    Attributes:
        home: Belongs to the user.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.uid = NOBODY if os.getuid() == 0 else os.getuid()

    def command(self, *words: str | Path) -> list[str]:
        """What runs `words` as this user."""
        prefix = [sys.executable, str(Path(__file__).resolve())] if os.getuid() == 0 else []
        return [*prefix, *map(str, words)]

    def environ(self, more: Mapping[str, str] = {}) -> dict[str, str]:
        """An environment with this user's home."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "PIPELOCK_"))}
        return {**kept, "HOME": str(self.home), "USER": "somebody", "LOGNAME": "somebody", **more}

    def run(self, *words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
        """Run `words` in the home until they end."""
        settings: dict[str, object] = {
            "env": self.environ(), "cwd": self.home, "capture_output": True, "text": True, "check": False, "timeout": 60
        }  # fmt: skip
        command = self.command(*words)
        return subprocess.run(command, **{**settings, **options})  # type: ignore[call-overload,no-any-return]  # noqa: PLW1510

    def folder(self, name: str) -> Path:
        """A new folder in the home."""
        path = self.home / name
        path.mkdir(mode=0o700, parents=True)
        self.own(path)
        return path

    def own(self, *paths: Path) -> None:
        """Give files to this user."""
        if os.getuid() == 0:
            for path in paths:
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)


@contextlib.contextmanager
def somebody() -> Iterator[Somebody]:
    """An ordinary user for a while; skips where there can't be one."""
    home = Path(tempfile.mkdtemp(prefix="pipelock-somebody-")).resolve()
    try:
        user = Somebody(home)
        user.own(home)
        tried = user.run("true", env=dict(os.environ))
        if tried.returncode:
            pytest.skip(f"no other user can be had here: {tried.stderr.strip()}")
        yield user
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _closed(path: Path) -> Path | None:
    """The outermost folder on the way to `path` that others may not pass."""
    for folder in reversed(path.parents):
        if not stat.S_IMODE(folder.stat().st_mode) & stat.S_IXOTH:
            return folder
    return None


def _open_up(wanted: list[Path]) -> None:
    held: dict[Path, list[tuple[Path, int]]] = {}
    for path in wanted:
        closed = _closed(path)
        if closed is not None:
            held.setdefault(closed, []).append((path, os.open(path, libc.O_PATH | os.O_CLOEXEC)))
    for closed, paths in held.items():
        libc.call("mount", b"none", bytes(closed), b"tmpfs", 0, b"mode=755,size=1m")
        for path, descriptor in paths:
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
            libc.call("mount", f"/proc/self/fd/{descriptor}".encode(), bytes(path), None, _BIND, None)
            os.close(descriptor)


def _become(words: list[str]) -> None:
    libc.call("unshare", libc.CLONE_NEWNS)
    libc.call("mount", b"none", b"/", None, _PRIVATE_RECURSIVE, None)
    wanted = {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), _SOURCES}
    here = Path.cwd()
    _open_up(sorted(wanted, key=lambda path: len(path.parts)))
    os.chdir(here)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    os.execvp(words[0], words)


if __name__ == "__main__":
    _become(sys.argv[1:])
