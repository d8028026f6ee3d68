"""The authority's two files: read with suspicion, written all or nothing.

The key must be nobody else's to read (mode & 0137 is 0, so 0600 and 0640 do), whatever folder it lies in. Links are
followed when reading, because secrets that are mounted into containers are links; what counts is the file that was
opened. They are never followed when writing.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["FileProblemError", "Sensitivity", "locked", "read_pem", "write_file"]

MAX_PEM = 1 << 20
"""Bytes of the largest file of certificates that is read."""
LOCK_SECONDS = 5.0
"""How long another process may hold the folder."""
_FORBIDDEN_OF_KEYS = 0o137


class FileProblemError(OSError):
    """A file can't be used; the text says which and why."""


class Sensitivity:
    """File modes by what is in them."""

    KEY = 0o600
    CERTIFICATE = 0o644


def read_pem(path: Path, *, private: bool = False) -> bytes:
    """A regular file of at most 1 MiB.

    Args:
        path: The file; links are followed.
        private: It holds a key: refused where group or others may change it, others may read it, or it belongs to a
            user who is neither root nor us.

    Raises:
        FileProblemError: it can't be read or may not be used.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise FileProblemError(f"{path}: {error.strerror or error}") from error
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if not stat.S_ISREG(info.st_mode):
            raise FileProblemError(f"{path} is not a regular file")
        if private and info.st_mode & _FORBIDDEN_OF_KEYS:
            mode = stat.S_IMODE(info.st_mode)
            raise FileProblemError(
                f"{path} holds a key and its mode is {mode:04o}; make it nobody else's: chmod 600 {path}"
            )
        if private and os.geteuid() and info.st_uid not in (0, os.geteuid()):
            raise FileProblemError(f"{path} holds a key and belongs to another user (uid {info.st_uid})")
        data = file.read(MAX_PEM + 1)
    if len(data) > MAX_PEM:
        raise FileProblemError(f"{path} is larger than {MAX_PEM} bytes")
    return data


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Put `data` at `path` in one step: whoever looks sees the old file or the whole new one.

    Raises:
        FileProblemError: it can't be written.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise FileProblemError(f"{path}: {error.strerror or error}") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, made 0700 if it is not there, so that two processes don't both make an authority in it.

    Raises:
        FileProblemError: it can't be made, others may write in it, or somebody holds it for 5 s.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise FileProblemError(f"{folder}: {error.strerror or error}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            raise FileProblemError(
                f"{folder}: others may write in it (mode {stat.S_IMODE(mode):04o}); chmod 700 {folder}"
            )
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if time.monotonic() >= give_up:
                raise FileProblemError(f"{folder}: another process is writing there") from error
            time.sleep(0.02)
        else:
            return


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
