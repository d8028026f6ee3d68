"""The few files that the dashboard writes: exported rows, and a body while it is in an editor. All 0600."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["MAX_TRIES", "remove", "save", "scratch"]

MAX_TRIES = 100
"""Names that are tried where the wanted one is taken."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def save(folder: Path, name: str, text: str) -> Path:
    """Write a new file that only this user can read; a taken name gets a number. Nothing is ever overwritten.

    Raises:
        OSError: The folder or the file can't be made, or all names are taken.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem, dot, ending = name.rpartition(".")
    for number in range(MAX_TRIES):
        path = folder / (name if not number else f"{stem}-{number + 1}{dot}{ending}")
        try:
            handle = os.open(path, _FLAGS, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return path
    raise FileExistsError(f"{folder / name}: this name and {MAX_TRIES - 1} like it are taken")


def scratch(body: bytes, ending: str, folder: Path | None = None) -> Path:
    """Write a body to a new file in a new folder of its own, both for this user only.

    `folder` is where that folder is made, the system's for such files if `None`.

    Raises:
        OSError: There is no room for it.
    """
    path = Path(tempfile.mkdtemp(prefix="pipelock-", dir=folder)) / f"body{ending}"
    with os.fdopen(os.open(path, _FLAGS, 0o600), "wb") as file:
        file.write(body)
    return path


def remove(path: Path) -> None:
    """Remove a scratch file, whatever its editor left beside it, and their folder. What is gone already is no error."""
    shutil.rmtree(path.parent, ignore_errors=True)
