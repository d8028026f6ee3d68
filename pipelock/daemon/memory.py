"""Memory that is free goes back to the system.

glibc keeps what was freed for later, in one arena per thread: after rules were compiled, or two hundred large bodies
were under way, that is tens of megabytes which nobody needs.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable

import psutil

__all__ = ["GIVE_BACK_SECONDS", "releaser", "resident_bytes"]

GIVE_BACK_SECONDS = 60.0
"""How often. It takes a millisecond or two."""


def releaser() -> Callable[[], None] | None:
    """What gives free memory back; `None` where the C library knows no such call (musl, macOS)."""
    if sys.platform != "linux":
        return None
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    trim.argtypes = (ctypes.c_size_t,)

    def release() -> None:
        trim(0)

    return release


def resident_bytes() -> int:
    """This process's resident memory."""
    return int(psutil.Process().memory_info().rss)
