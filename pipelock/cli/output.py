"""How commands print. Nothing leaves here that could draw on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

import msgspec

from pipelock.model import Verdict, escape

__all__ = ["as_json", "complain", "mark", "print_json", "print_table", "uses_colour"]

_COLOURS = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "bold": "1",
}


def as_json(value: object, indent: int | None = 2) -> str:
    """`value` as JSON of printable ASCII alone: what would move a cursor or hide text is a visible escape.

    The escapes are JSON's own, so a program that reads it gets exactly what was there.
    """
    # Imported here: most output is text.
    import json  # noqa: PLC0415

    text = json.dumps(msgspec.to_builtins(value), indent=indent)
    return text.replace("\x7f", "\\u007f")


def print_json(value: object) -> None:
    """Print `as_json` with two spaces of indentation."""
    print(as_json(value))


def complain(message: str) -> None:
    """Say on standard error, in one line, what went wrong."""
    print(f"pipelock: {escape(message, 2048)}", file=sys.stderr)


def uses_colour(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` is a terminal that shows colours and whose user wants them (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


def mark(text: str, colour: str) -> str:
    """`text` in a colour of `_COLOURS`, or as it is where standard output takes none."""
    if not uses_colour(sys.stdout, os.environ):
        return text
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"


def colour_of(verdict: Verdict) -> str:
    """The colour a verdict is shown in; the word always stands beside it."""
    if verdict is Verdict.ALLOW:
        return "green"
    return "red" if verdict is Verdict.BLOCK else "yellow"


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their heads, columns aligned, every cell escaped and cut to 120 characters."""
    cells = [[escape(cell, 120) for cell in row] for row in rows]
    widths = [max(len(column[i]) for column in [list(heads), *cells]) for i in range(len(heads))]
    for row in [list(heads), *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
