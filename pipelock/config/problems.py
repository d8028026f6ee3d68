"""What is wrong with a file, and where."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pipelock.model import escape

__all__ = ["MAX_PROBLEMS", "ConfigError", "Problem", "nearest"]

MAX_PROBLEMS = 100


class Problem(msgspec.Struct, frozen=True):
    """One thing to change.

    Attributes:
        file: The file's name as it was given.
        line: 1-based; 0 where the problem is the file itself.
        column: 1-based, in characters; 0 likewise.
        key: Dotted path, list items as `dlp.patterns[2].regex`; empty for problems of the whole file.
        message: One sentence.
        suggestion: The nearest valid key or value, empty where nothing is near.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        """`file:line:column: key: message (did you mean "x"?)`, fit for a terminal."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        key = f"{self.key}: " if self.key else ""
        hint = f' (did you mean "{self.suggestion}"?)' if self.suggestion else ""
        return escape(f"{place}: {key}{self.message}{hint}", 2048)


class ConfigError(Exception):
    """A configuration that is not used at all. `problems` holds all that was found, in file order, at most 100."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        found = sorted(problems, key=lambda problem: (problem.line, problem.column))
        self.problems = tuple(found[:MAX_PROBLEMS])
        more = [f"… and {len(found) - MAX_PROBLEMS} more"] if len(found) > MAX_PROBLEMS else []
        super().__init__("\n".join([*map(str, self.problems), *more]))


def nearest(word: str, candidates: Iterable[str]) -> str:
    """The candidate a typing slip away from `word`, or empty. Looks at no more than 64 characters of `word`."""
    # Imported here: most files have nothing wrong with them.
    from difflib import get_close_matches  # noqa: PLC0415

    found = get_close_matches(word[:64].lower().replace("-", "_"), list(candidates), n=1, cutoff=0.7)
    return found[0] if found else ""
