"""`pipelock generate config`: a preset, as a file to change."""

from __future__ import annotations

import os
from pathlib import Path

from pipelock.cli.errors import CommandError
from pipelock.cli.table import Arguments
from pipelock.config.presets import preset_text

__all__ = ["execute"]


def execute(arguments: Arguments) -> int:
    """Print the preset, or write it to a file that must not exist yet."""
    text = preset_text(arguments.preset or "balanced")
    if arguments.output is None:
        print(text, end="")
        return 0
    _write(arguments.output, text, replace=arguments.force)
    print(f"wrote {arguments.output}; check it with: pipelock check --config {arguments.output}")
    return 0


def _write(path: Path, text: str, *, replace: bool) -> None:
    """Write a file only this user can read: users put tokens and internal names into their configuration."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL)
    try:
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - a mode of its own
            file.write(text)
    except FileExistsError as error:
        raise CommandError(f"{path} exists; --force replaces it") from error
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror or error}") from error
