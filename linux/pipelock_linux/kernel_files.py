"""Files that the kernel makes up: settings, and what it tells of itself."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["read", "write"]


def read(path: str) -> str | None:
    """What is in it, any byte that is no UTF-8 kept (PEP 383); `None` where it can't be read."""
    try:
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def write(path: Path, text: str) -> None:
    """Write ASCII `text` in one call, which the kernel takes at once or not at all. The file is there already.

    Raises:
        OSError: it is not there, or the kernel refuses.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
