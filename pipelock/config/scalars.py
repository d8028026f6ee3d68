"""What one YAML scalar says, once the key has told which kind of value it wants.

Source: the core schema of YAML 1.2.2 §10.3.2, plus `yes`, `no`, `on`, `off` for switches and `1_000` for numbers, as
the original Pipelock's parser takes them. Text keys take plain words of any kind (`no`, `off`, `NO`) as text, but not
plain numbers, `true`, `false` or null: those are asked to be put in quotes.
"""

from __future__ import annotations

import math
import os.path
from pathlib import Path

from pipelock.config.tree import ScalarNode

__all__ = [
    "ScalarError",
    "describe",
    "is_null",
    "read_bool",
    "read_float",
    "read_int",
    "read_octal",
    "read_text",
    "resolve_path",
]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_CORE_BOOLS = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_FLOAT_CHARACTERS = frozenset("0123456789+-._eE")
_MAX_NUMBER = 32
_MAX_PATH = 4096


class ScalarError(Exception):
    """The scalar is not of the wanted kind. `suggestion` is how it might be meant."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.suggestion = suggestion


def is_null(node: ScalarNode) -> bool:
    """Whether this is null: written `~`, `null`, or nothing at all."""
    return node.tag == "null" or (node.plain and not node.tag and node.text in _NULLS)


def _integer(text: str) -> int | None:
    """A decimal, `0x` or `0o` integer; `None` for anything else, a leading zero included: it would be ambiguous."""
    if not text or len(text) > _MAX_NUMBER or not text.isascii():
        return None
    digits = text.lstrip("+-")
    base = {"0x": 16, "0o": 8}.get(digits[:2], 10)
    if base == 10 and ((digits.startswith("0") and digits != "0") or not digits[:1].isdecimal()):
        return None
    try:
        return int(text, base)
    except ValueError:
        return None


def _number(text: str) -> float | None:
    if not text or len(text) > _MAX_NUMBER or not _FLOAT_CHARACTERS.issuperset(text):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def describe(node: ScalarNode) -> str:
    """How to name in a message what was found."""
    if is_null(node):
        return "nothing"
    if not _unquoted(node):
        return "text in quotes"
    if node.text in _CORE_BOOLS:
        return "true or false"
    if _integer(node.text) is not None or _number(node.text) is not None:
        return "a number"
    return "text"


def _unquoted(node: ScalarNode) -> bool:
    return node.plain and node.tag != "str"


def read_bool(node: ScalarNode) -> bool:
    """A switch. Raises ScalarError for anything but true, false, yes, no, on, off without quotes."""
    known = node.text in _TRUE or node.text in _FALSE
    if known and _unquoted(node):
        return node.text in _TRUE
    hint = ("true" if node.text in _TRUE else "false") if known else ""
    raise ScalarError(f"expected true or false, found {describe(node)}", hint)


def read_int(node: ScalarNode) -> int:
    """A whole number. Raises ScalarError for anything else."""
    value = _integer(node.text) if _unquoted(node) else None
    if value is None:
        hint = node.text if _integer(node.text) is not None else ""
        if _unquoted(node) and node.text.isdecimal() and node.text.isascii():
            raise ScalarError("a number with a leading zero could be decimal or octal", node.text.lstrip("0"))
        raise ScalarError(f"expected a whole number, found {describe(node)}", hint)
    return value


def read_float(node: ScalarNode) -> float:
    """A finite number. Raises ScalarError for anything else."""
    value = _number(node.text) if _unquoted(node) else None
    if value is None or not math.isfinite(value):
        hint = node.text if _number(node.text) is not None and not _unquoted(node) else ""
        raise ScalarError(f"expected a number, found {describe(node)}", hint)
    return value


def read_octal(node: ScalarNode) -> int:
    """A file mode, always octal: `0600`, `0o600`, `"0600"`. Raises ScalarError for anything else."""
    digits = node.text.removeprefix("0o")
    if not digits or len(digits) > 4 or not frozenset("01234567").issuperset(digits):
        raise ScalarError("expected a file mode such as 0600")
    return int(digits, 8)


def read_text(node: ScalarNode) -> str:
    """Text. Raises ScalarError for null and for plain numbers, `true` and `false`."""
    if is_null(node):
        raise ScalarError("expected text, found nothing")
    if _unquoted(node) and (
        node.text in _CORE_BOOLS or _integer(node.text) is not None or _number(node.text) is not None
    ):
        raise ScalarError(f"expected text, found {describe(node)}; put it in quotes", f"'{node.text}'")
    return node.text


def resolve_path(text: str, base: Path) -> str:
    """An absolute path: `~` is the home directory, relative paths start at `base`. Empty stays empty.

    Raises:
        ScalarError: control characters, an unknown `~user`, or longer than 4096 characters.
    """
    if not text:
        return ""
    if len(text) > _MAX_PATH or not text.isprintable():
        raise ScalarError("not a path: control characters, or longer than 4096 characters")
    expanded = os.path.expanduser(text)  # noqa: PTH111 - Path.expanduser raises where this tells by returning "~"
    if expanded.startswith("~"):
        raise ScalarError("no such user's home directory")
    return os.path.normpath(base / expanded)
