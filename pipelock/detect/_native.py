"""Hyperscan databases: compiled once, kept on disk, one scratch space for each thread.

A serialised database is trusted native input, so a cached file counts only if it and its directory belong to this
user and nobody else may read or write them, and if its digest, which covers the patterns it was made of, is right: a
file can't stand in for another one. What was loaded must then find a sample of each pattern that has one. Anything
else is ignored and rebuilt.

All this keeps out other users, damage and mix-ups. It does not keep out code that runs as the same user: no secret
that this process can read is hidden from that code, so a keyed digest would add nothing. Whoever runs agents as the
same user without a sandbox should start the daemon without a cache directory.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

try:
    hyperscan: Any = import_module("hyperscan")
except ImportError:  # a platform without wheels: the linear fallback gives the same verdicts
    hyperscan = None

__all__ = ["NativeDatabase", "NativeError", "is_available"]

_MAGIC = b"pipelock-matcher-2\n"
_LARGEST = 64 << 20
_APART = b"\n\x00\n"


class NativeError(Exception):
    """The native matcher refused or failed."""


def is_available() -> bool:
    """Whether the native matcher can be used on this machine."""
    return hyperscan is not None


class NativeDatabase:
    """A block-mode database over byte patterns; `scan` tells which of them occur.

    Args:
        patterns: In the dialect of `_pattern.for_bytes`.
        cache: Directory for the compiled form, or `None` to keep nothing.
        samples: Texts, each with the numbers of patterns of which at least one occurs in it. What is loaded from the
            cache is tried on all of them in one scan.

    Raises:
        NativeError: a pattern can't be compiled.
    """

    def __init__(
        self,
        patterns: Sequence[bytes],
        cache: Path | None = None,
        *,
        samples: Sequence[tuple[bytes, frozenset[int]]] = (),
    ) -> None:
        self._local = threading.local()
        key = _key(patterns) if cache is not None else b""
        path = cache / f"{key.hex()[:40]}.db" if cache is not None else None
        self._database: Any = _load(path, key) if path is not None else None
        if self._database is None or not self._finds(samples):
            self._local = threading.local()
            self._database = _compile(patterns)
            if path is not None:
                _store(path, key, hyperscan.dumpb(self._database))

    def _finds(self, samples: Sequence[tuple[bytes, frozenset[int]]]) -> bool:
        try:
            found = self.scan(_APART.join([text for text, _ in samples]))
        except NativeError:
            return False
        return not any(numbers.isdisjoint(found) for _, numbers in samples)

    def scan(self, data: bytes) -> list[int]:
        """Numbers of the patterns that occur in `data`, each once, in no order.

        Raises:
            NativeError: the matcher failed; nothing is known about `data`.
        """
        try:
            scratch = self._local.scratch
        except AttributeError:
            scratch = self._local.scratch = hyperscan.Scratch(self._database)
        found: list[int] = []
        try:
            self._database.scan(data, _collect, context=found, scratch=scratch)
        except (hyperscan.error, TypeError, ValueError, MemoryError) as error:
            raise NativeError(f"{type(error).__name__}: {error}") from error
        return found


def _collect(number: int, _start: int, _end: int, _flags: int, found: list[int]) -> None:
    found.append(number)


def _compile(patterns: Sequence[bytes]) -> Any:  # noqa: ANN401 - the binding publishes no types
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    # One report for each pattern is all that is asked; without the flag hostile text could cause one for each byte.
    flag = hyperscan.HS_FLAG_SINGLEMATCH
    try:
        database.compile(
            expressions=list(patterns),
            ids=list(range(len(patterns))),
            elements=len(patterns),
            flags=[flag] * len(patterns),
        )
    except hyperscan.error as error:
        raise NativeError(str(error)) from error
    return database


def _key(patterns: Sequence[bytes]) -> bytes:
    digest = hashlib.sha256(_MAGIC)
    for part in (hyperscan.__version__.encode(), platform.machine().encode(), _cpu(), *patterns):
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.digest()


def _cpu() -> bytes:
    """What distinguishes this CPU: a database may use instructions that another one lacks."""
    with suppress(OSError), Path("/proc/cpuinfo").open("rb") as file:
        for line in file.read(65_536).splitlines():
            if line.startswith((b"flags", b"Features")):
                return line
    return platform.processor().encode()


def _is_private(info: os.stat_result, kind: int) -> bool:
    return stat.S_IFMT(info.st_mode) == kind and info.st_uid == os.geteuid() and not info.st_mode & 0o077


def _load(path: Path, key: bytes) -> Any | None:  # noqa: ANN401, PLR0911 - no types there; every way to distrust a file
    try:
        if not _is_private(path.parent.lstat(), stat.S_IFDIR):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not _is_private(os.fstat(descriptor), stat.S_IFREG):
            return None
        try:
            content = file.read(_LARGEST + 1)
        except OSError:
            return None
    head = len(_MAGIC) + 32
    body = content[head:]
    if not content.startswith(_MAGIC) or len(content) > _LARGEST:
        return None
    if _seal(key, body) != content[len(_MAGIC) : head]:
        return None
    try:
        return hyperscan.loadb(body, hyperscan.HS_MODE_BLOCK)
    except hyperscan.error:
        return None


def _seal(key: bytes, body: bytes) -> bytes:
    return hashlib.sha256(_MAGIC + key + body).digest()


def _store(path: Path, key: bytes, body: bytes) -> None:
    """Write the cache file; where that can't be done the next start compiles again, nothing worse."""
    with suppress(OSError):
        # The home above may be missing as well, and mkdir's mode is for the last folder only.
        for folder in reversed([folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]):
            folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(path.parent.lstat(), stat.S_IFDIR):
            return
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".matcher-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + _seal(key, body) + body)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
