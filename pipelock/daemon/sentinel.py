"""The kill switch's sentinel file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["sentinel_probe"]


def sentinel_probe(path: Path) -> Callable[[], bool]:
    """A check whether the file is there. Every error but "not found" counts as there: unreadable is not off."""
    name = os.fspath(path)

    def probe() -> bool:
        try:
            os.lstat(name)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    return probe
