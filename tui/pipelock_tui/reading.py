"""Reading a small file that a person named: a plain file, not longer than a limit, never one that blocks."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["UnreadableError", "read_small"]


class UnreadableError(ValueError):
    """It can't be read; the message names it and says why."""


def read_small(path: Path, limit: int) -> bytes:
    """Its bytes, `limit` at most.

    Raises:
        FileNotFoundError: There is none.
        UnreadableError: It is no plain file, is longer than `limit`, or the system refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableError(f"{path} is no file")
        data = bytearray()
        while len(data) <= limit and (piece := os.read(descriptor, limit + 1 - len(data))):
            data += piece
    except OSError as error:
        raise UnreadableError(f"{path} can't be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise UnreadableError(f"{path} is longer than {limit} bytes")
    return bytes(data)
