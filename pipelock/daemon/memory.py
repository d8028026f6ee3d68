"""Memory that is free goes back to the system.

glibc keeps what was freed for later, in one arena per thread: after rules were compiled, or two hundred large bodies
were under way, that is tens of megabytes which nobody needs.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable

__all__ = ["GIVE_BACK_SECONDS", "forget", "releaser", "resident_bytes"]

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


def forget(release: Callable[[], None] | None) -> None:
    """After something large was replaced: find what only refers to itself, then give back what that freed.

    Nobody else looks for it soon: the collector is told to be calm, and a policy is few objects and much memory. It
    takes some 15 ms, so it is for reloads, not for every minute.

    Args:
        release: What `releaser` gave.
    """
    gc.collect()
    if release is not None:
        release()


def resident_bytes() -> int:
    """This process's resident memory."""
    import psutil  # noqa: PLC0415 - half a megabyte, for whoever asks

    return int(psutil.Process().memory_info().rss)
