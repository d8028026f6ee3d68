"""The files of a tree that are looked into, one at a time, and why others are not.

Links are never followed, except one that is named on the command line itself. Folders of version control and of what
others wrote are left out, because nobody commits them; so are binary files. Everything else that can't be read or is
too large is told, as it could hold something.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from pipelock.cli._hits import Skipped
from pipelock.engine import matches_path

__all__ = ["DEPENDENCIES", "FileText", "Walk"]

VERSION_CONTROL = frozenset({".git", ".hg", ".jj", ".svn"})
DEPENDENCIES = frozenset(
    {
        ".eggs",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        ".venv",
        "__pycache__",
        "dist",
        "node_modules",
        "site-packages",
        "venv",
    }
)
"""Folders that tools fill; `--include-deps` looks into them."""
_MAX_DEPTH = 256
_SNIFFED = 8192
_UTF16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK


class FileText(msgspec.Struct, frozen=True):
    """A file's name, with `/` between folders, and its text as UTF-8 (or what it is, if it is no text of Unicode)."""

    path: str
    data: bytes


class Walk:
    """Goes through files and folders in the order of their names.

    Args:
        max_bytes: A larger file is not read.
        exclude: Patterns as in `suppress`: exact, `folder/`, a glob, or the end of a path.
        include_deps: Look into folders of dependencies and build output too.
    """

    def __init__(self, *, max_bytes: int, exclude: Iterable[str] = (), include_deps: bool = False) -> None:
        self._max_bytes = max_bytes
        self._exclude = tuple(exclude)
        self._left_out = VERSION_CONTROL if include_deps else VERSION_CONTROL | DEPENDENCIES

    def files(self, paths: Iterable[Path]) -> Iterator[FileText | Skipped]:
        """The texts below `paths`, and what was skipped; a path that was named itself is never left out by its name."""
        for path in paths:
            if path.is_dir():
                yield from self._folder(path, 0)
            else:
                yield self._file(path, follow=True)

    def _folder(self, folder: Path, depth: int) -> Iterator[FileText | Skipped]:
        if depth > _MAX_DEPTH:
            yield Skipped(_shown(folder), f"more than {_MAX_DEPTH} folders deep")
            return
        try:
            with os.scandir(folder) as entries:
                names = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            yield Skipped(_shown(folder), error.strerror or "cannot be read")
            return
        for name, is_folder in names:
            path = folder / name
            if self._is_excluded(path, is_folder=is_folder):
                continue
            if not is_folder:
                yield self._file(path, follow=False)
            elif name in self._left_out:
                yield Skipped(_shown(path), "dependencies or version control", matters=False)
            else:
                yield from self._folder(path, depth + 1)

    def _is_excluded(self, path: Path, *, is_folder: bool) -> bool:
        shown = _shown(path) + ("/" if is_folder else "")
        return any(matches_path(pattern, shown) for pattern in self._exclude)

    def _file(self, path: Path, *, follow: bool) -> FileText | Skipped:
        shown = _shown(path)
        try:
            fd = os.open(path, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW)
        except OSError as error:
            if not follow and path.is_symlink():
                return Skipped(shown, "symbolic link", matters=False)
            return Skipped(shown, error.strerror or "cannot be read")
        with os.fdopen(fd, "rb") as file:
            try:
                if not stat.S_ISREG(os.fstat(fd).st_mode):
                    return Skipped(shown, "no regular file", matters=False)
                data = file.read(self._max_bytes + 1)
            except OSError as error:
                return Skipped(shown, error.strerror or "cannot be read")
        if len(data) > self._max_bytes:
            return Skipped(shown, f"larger than {self._max_bytes} bytes")
        text = _text(data)
        return Skipped(shown, "binary", matters=False) if text is None else FileText(shown, text)


def _shown(path: Path) -> str:
    return path.as_posix()


def _text(data: bytes) -> bytes | None:
    """The text as UTF-8; `None` for what is no text."""
    encoding = _UTF16.get(data[:2])
    if encoding is not None:
        return data[2:].decode(encoding, "replace").encode()
    return None if b"\0" in data[:_SNIFFED] else data
