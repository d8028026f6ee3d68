"""Results to standard output, or to the file of `-o`."""

from __future__ import annotations

import sys
from pathlib import Path

from pipelock.cli.errors import EXIT_USAGE, CommandError, UsageError
from pipelock.cli.table import Arguments

__all__ = ["FORMATS", "chosen_format", "deliver"]

FORMATS = ("text", "json", "sarif")


def chosen_format(arguments: Arguments) -> str:
    """`--format`, or `--json` as its short form.

    Raises:
        UsageError: they contradict each other.
    """
    if arguments.json and arguments.format not in (None, "json"):
        raise UsageError(f"--json and --format {arguments.format} exclude each other")
    return "json" if arguments.json else arguments.format or "text"


def deliver(text: str, output: Path | None) -> None:
    """Write `text`, one line end after it, to `output` or standard output.

    Raises:
        CommandError: the file can't be written; the exit code is 2.
    """
    if output is None:
        sys.stdout.write(text + "\n")
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output}: {error.strerror or error}", EXIT_USAGE) from error
