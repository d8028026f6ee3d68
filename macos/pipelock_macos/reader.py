r"""S-expressions as Apple's sandbox profiles are written in them: text to trees, without recursion and bounded.

The language is a Scheme (TinyScheme is what sandbox-exec runs); this reads the part that has data in it: lists,
symbols, numbers, strings with `\"` and `\\`, raw strings for regular expressions (`#"..."`), comments.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

import msgspec

__all__ = ["MAX_DEPTH", "MAX_TEXT", "Atom", "Kind", "Node", "SandboxTextError", "read"]

MAX_TEXT = 262_144
"""Characters of a profile. It travels as an argument, and macOS has 1 MiB for those and the environment together."""
MAX_DEPTH = 16
_ENDS = frozenset(' \t\r\n()";')
_BLANK = frozenset(" \t\r\n")


class SandboxTextError(ValueError):
    """A profile that can't be read, or says what we don't know; the message names the line."""


class Kind(StrEnum):
    """What an atom is."""

    SYMBOL = "symbol"
    TEXT = "text"
    PATTERN = "pattern"


class Atom(msgspec.Struct, frozen=True):
    """A word, string or pattern, unescaped; `line` counts from 1."""

    kind: Kind
    value: str
    line: int = 0


Node: TypeAlias = "Atom | tuple[Node, ...]"


def read(text: str) -> tuple[Node, ...]:
    """The expressions of `text`.

    Raises:
        SandboxTextError: It is none, longer than `MAX_TEXT` or deeper than `MAX_DEPTH`.
    """
    if len(text) > MAX_TEXT:
        raise SandboxTextError(f"a profile of {len(text)} characters; {MAX_TEXT} are allowed")
    open_lists: list[list[Node]] = [[]]
    for token in _tokens(text):
        if isinstance(token, Atom):
            open_lists[-1].append(token)
        elif token > 0:
            if len(open_lists) > MAX_DEPTH:
                raise SandboxTextError(f"line {token}: lists are nested deeper than {MAX_DEPTH}")
            open_lists.append([])
        else:
            if len(open_lists) == 1:
                raise SandboxTextError(f"line {-token}: a bracket is closed that was not opened")
            done = tuple(open_lists.pop())
            open_lists[-1].append(done)
    if len(open_lists) > 1:
        raise SandboxTextError("a bracket is not closed")
    return tuple(open_lists[0])


def _tokens(text: str) -> list[Atom | int]:
    """Atoms; for a bracket its line, negative where it closes."""
    found: list[Atom | int] = []
    at, line = 0, 1
    while at < len(text):
        char = text[at]
        if char in _BLANK:
            line += char == "\n"
            at += 1
        elif char == ";":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif char in "()":
            found.append(line if char == "(" else -line)
            at += 1
        elif char == '"':
            value, at = _string(text, at + 1, line)
            found.append(Atom(Kind.TEXT, value, line))
        elif text.startswith('#"', at):
            end = text.find('"', at + 2)
            if end < 0 or "\n" in text[at:end]:
                raise SandboxTextError(f"line {line}: a pattern does not end")
            found.append(Atom(Kind.PATTERN, text[at + 2 : end], line))
            at = end + 1
        else:
            start = at
            while at < len(text) and text[at] not in _ENDS:
                at += 1
            found.append(Atom(Kind.SYMBOL, text[start:at], line))
    return found


def _string(text: str, at: int, line: int) -> tuple[str, int]:
    """The string whose first character is at `at`, and where it ended."""
    out: list[str] = []
    while at < len(text):
        char = text[at]
        if char == '"':
            return "".join(out), at + 1
        if char == "\\":
            at += 1
            char = text[at] if at < len(text) else ""
            if char not in ('"', "\\"):
                raise SandboxTextError(f'line {line}: an escape other than \\" and \\\\')
        elif char == "\n":
            break
        out.append(char)
        at += 1
    raise SandboxTextError(f"line {line}: a string does not end")
