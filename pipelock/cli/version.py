"""`pipelock version`."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from pipelock import __version__
from pipelock.cli.table import Arguments

__all__ = ["execute"]

_ENGINES = ("twisted", "hyperscan", "google-re2", "httptools", "textual")


def execute(_: Arguments) -> int:
    """Print the version, and what a bug report should name."""
    print(f"pipelock version {__version__}")
    print(f"  python version: {platform.python_version()} ({platform.python_implementation()})")
    print(f"  platform: {sys.platform} {platform.machine()}")
    print(f"  libraries: {', '.join(f'{name} {_version(name)}' for name in _ENGINES)}")
    return 0


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
