"""What the daemon would add to a configuration: the suppressions that stand in a file of their own in its home."""

from __future__ import annotations

import importlib
import os

from pipelock.cli.table import Arguments
from pipelock.config import Loaded
from pipelock.config.suppressions_file import FILE
from pipelock.control.paths import home_dir

__all__ = ["with_suppressions_of_home"]


def with_suppressions_of_home(loaded: Loaded, arguments: Arguments) -> Loaded:
    """`loaded` as a daemon with this home would have it.

    Raises:
        ConfigError: suppressions.yaml is not valid, can't be read, or others may write it.
    """
    home = home_dir(os.environ, arguments.home)
    if not os.path.lexists(home / FILE):
        return loaded
    # Most homes have no such file, and a check of a configuration should cost little.
    overlaid: Loaded = importlib.import_module("pipelock.daemon.suppressions").with_suppressions(loaded, home)
    return overlaid
