"""Regular expressions of a sandbox profile, matched in time linear in the text.

The part of the language that our profiles use: `^` at the start, `$` at the end, `.`, classes, escaped characters, and
`*`, `+`, `?` after one of them. Anything else is refused: what can't be understood can't be checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pipelock_macos.reader import SandboxTextError

__all__ = ["MAX_PATTERN", "escaped", "matches"]

MAX_PATTERN = 1024
_SPECIAL = frozenset("\\^$.[]|()*+?{}")


class _Step(NamedTuple):
    """One character: of `chars`, or with `negated` any but those; `least` 0 or 1, without an upper end where `many`."""

    chars: frozenset[str]
    negated: bool
    least: int
    many: bool


def escaped(text: str) -> str:
    """A pattern that stands for `text` itself."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)


def matches(pattern: str, text: str) -> bool:
    """Whether `pattern` is found in `text`.

    Raises:
        SandboxTextError: The pattern is longer than `MAX_PATTERN`, or not of the part described above.
    """
    if len(pattern) > MAX_PATTERN:
        raise SandboxTextError(f"a pattern of {len(pattern)} characters; {MAX_PATTERN} are allowed")
    at_start = pattern.startswith("^")
    before = pattern.removesuffix("$")
    # An even number of backslashes escapes nothing but themselves.
    at_end = before != pattern and (len(before) - len(before.rstrip("\\"))) % 2 == 0
    steps = list(_steps(pattern[at_start : len(pattern) - at_end]))
    alive = _closed(steps, {0})
    for char in text:
        if len(steps) in alive and not at_end:
            return True
        if not alive:
            return False
        following: set[int] = set() if at_start else {0}
        for at in alive:
            if at < len(steps) and (char in steps[at].chars) != steps[at].negated:
                following.add(at + 1)
                if steps[at].many:
                    following.add(at)
        alive = _closed(steps, following)
    return len(steps) in alive


def _closed(steps: list[_Step], reached: set[int]) -> set[int]:
    """With what is reached by leaving out optional steps."""
    found = set(reached)
    for at, step in enumerate(steps):
        if at in found and step.least == 0:
            found.add(at + 1)
    return found


def _steps(pattern: str) -> Iterator[_Step]:
    at = 0
    while at < len(pattern):
        chars, negated, at = _one(pattern, at)
        least, many = 1, False
        if at < len(pattern) and pattern[at] in "*+?":
            least, many = int(pattern[at] == "+"), pattern[at] != "?"
            at += 1
        yield _Step(chars, negated, least, many)


def _one(pattern: str, at: int) -> tuple[frozenset[str], bool, int]:
    char = pattern[at]
    if char == "\\":
        if pattern[at + 1 : at + 2] not in _SPECIAL:
            raise SandboxTextError("a pattern with an escape that is not a character's own")
        return frozenset(pattern[at + 1]), False, at + 2
    if char == ".":
        return frozenset(), True, at + 1
    if char == "[":
        return _class(pattern, at + 1)
    if char in _SPECIAL:
        raise SandboxTextError(f"a pattern with {char}, which is not understood")
    return frozenset(char), False, at + 1


def _class(pattern: str, at: int) -> tuple[frozenset[str], bool, int]:
    end = pattern.find("]", at)
    inside = pattern[at:end]
    negated = inside.startswith("^")
    inside = inside[negated:]
    if end < 0 or not inside or not _SPECIAL.isdisjoint(inside):
        raise SandboxTextError("a pattern with a class that is not understood")
    found: set[str] = set()
    index = 0
    while index < len(inside):
        if inside[index + 1 : index + 2] == "-" and index + 2 < len(inside):
            first, last = ord(inside[index]), ord(inside[index + 2])
            if not first <= last < 128:
                raise SandboxTextError("a pattern with a range that is not understood")
            found.update(map(chr, range(first, last + 1)))
            index += 3
        else:
            found.add(inside[index])
            index += 1
    return frozenset(found), negated, end + 1
