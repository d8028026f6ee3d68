"""Lines of text with roles: what every part of the dashboard is drawn from.

A part says what its text means (`block`, `dim`, `key`); the style sheet says how that looks. Nothing here is markup,
so a `[` from the network stays a `[`. Widths are terminal cells, not characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size, set_cell_size

from pipelock.model import escape

__all__ = ["MAX_WRAPPED", "Line", "Part", "cut", "cut_start", "fit", "line", "plain", "width_of", "wrap"]

MAX_WRAPPED = 2_000
"""Most lines that one logical line is broken into; the rest is dropped with an ellipsis."""
_LONGEST = 65_536


class Part(NamedTuple):
    """A run of text with one meaning. `role` is one of `pipelock_tui.widgets.paint.ROLES`, or empty for plain text."""

    text: str
    role: str = ""


Line = tuple[Part, ...]


def line(*parts: Part | str | tuple[str, str]) -> Line:
    """Build a line; a bare string has no role and a pair is (text, role)."""
    return tuple(Part(part) if isinstance(part, str) else Part(*part) for part in parts)


def plain(parts: Line) -> str:
    """The line's text alone, escaped."""
    return "".join(escape(part.text, _LONGEST) for part in parts)


def width_of(parts: Line) -> int:
    """Cells the line takes."""
    return cell_len(plain(parts))


def cut(text: str, width: int) -> str:
    """Escape `text` and cut its end so that it takes at most `width` cells, an ellipsis included."""
    text = escape(text)
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def cut_start(text: str, width: int) -> str:
    """Like `cut`, but the end is kept: of a host name that is what says who owns it."""
    text = escape(text)
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    kept: list[str] = []
    room = width - 1
    for char in reversed(text):
        room -= get_character_cell_size(char)
        if room < 0:
            break
        kept.append(char)
    return "…" + "".join(reversed(kept))


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Escape `text` and make it exactly `width` cells wide, aligned left or right."""
    text = cut(text, width)
    space = " " * max(0, width - cell_len(text))
    return space + text if right else text + space


def wrap(parts: Line, width: int, hang: int = 0) -> list[Line]:
    """Break a line at spaces, or anywhere where there are none, into lines of at most `width` cells.

    Every line after the first is indented by `hang` cells (at most half of the width). Text is escaped.
    """
    width = max(width, 4)
    hang = min(hang, width // 2)
    margin = [(" ", "")] * hang
    done: list[Line] = []
    current: list[tuple[str, str]] = []
    taken = 0
    for char, role in _characters(parts):
        size = get_character_cell_size(char)
        if taken + size > width:
            if len(done) == MAX_WRAPPED - 1:
                return [*done, _joined([*current[:-1], ("…", "")])]
            rest = [] if char == " " else _tail(current, hang if done else 0)
            if hang + _cells(rest) + size > width:
                rest = []  # the word is too long for the indented line: break it here
            done.append(_joined(current[: len(current) - len(rest)]))
            current = margin + rest
            taken = _cells(current)
            if char == " ":
                continue
        current.append((char, role))
        taken += size
    return [*done, _joined(current)]


def _cells(characters: list[tuple[str, str]]) -> int:
    return sum(get_character_cell_size(char) for char, _ in characters)


def _characters(parts: Line) -> Iterator[tuple[str, str]]:
    for part in parts:
        for char in escape(part.text, _LONGEST):
            yield char, part.role


def _tail(current: list[tuple[str, str]], hang: int) -> list[tuple[str, str]]:
    """The unfinished word at the end of `current`, empty if it is the whole line or longer than a third of it."""
    for back in range(1, len(current) - hang):
        if current[-back][0] == " ":
            tail = current[len(current) - back + 1 :]
            return tail if len(tail) <= max(12, len(current) // 3) else []
    return []


def _joined(characters: Iterable[tuple[str, str]]) -> Line:
    runs = groupby(characters, key=lambda pair: pair[1])
    return tuple(Part("".join(char for char, _ in run), role) for role, run in runs)
