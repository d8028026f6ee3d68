"""Variables as text that a shell, or a reader of `.env` files, takes in.

Values may hold whatever a path can: quotes, dollars, line feeds. What can't be written is refused, never bent.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Mapping
from pathlib import PurePath

__all__ = ["SHELLS", "UnwritableError", "shell_of", "write"]


class UnwritableError(ValueError):
    """A value has no spelling in this form; the text says which and why."""


def shell_of(environ: Mapping[str, str]) -> str:
    """The form for the user's shell (`SHELL`); `sh` where it is unknown."""
    name = PurePath(environ.get("SHELL", "")).name
    return {"pwsh": "powershell", "powershell": "powershell"}.get(name, name if name in SHELLS else "sh")


def write(shell: str, values: Mapping[str, str | None]) -> str:
    """One assignment a line, `None` for "take it out of the environment".

    Args:
        shell: One of `SHELLS`.
        values: By name.

    Raises:
        UnwritableError: a value can't be written in this form.
    """
    if shell == "json":
        return json.dumps(dict(values), indent=2)
    line = _LINES[shell]
    return "\n".join(line(name, value) for name, value in values.items())


def _sh(name: str, value: str | None) -> str:
    # POSIX 2.2.2: inside single quotes everything is itself, and a single quote can't be.
    return f"unset {name}" if value is None else "export {}='{}'".format(name, value.replace("'", "'\\''"))


def _fish(name: str, value: str | None) -> str:
    if value is None:
        return f"set -e {name}"
    return "set -gx {} '{}'".format(name, value.replace("\\", "\\\\").replace("'", "\\'"))


def _powershell(name: str, value: str | None) -> str:
    if value is None:
        return f"Remove-Item Env:{name} -ErrorAction SilentlyContinue"
    # Typographic quotes end a string there as well; any of them is written twice.
    doubled = "".join(char * 2 if char in "'‘’‚‛" else char for char in value)  # noqa: RUF001 - they are meant
    return f"$env:{name} = '{doubled}'"


_BARE = frozenset(string.ascii_letters + string.digits + "@%+=:,./_~|*-")


def _dotenv(name: str, value: str | None) -> str:
    """A line on whose meaning the readers of `.env` files agree: bare where they can, else in single quotes.

    `docker --env-file` knows no quotes; others cut bare values at `#` and put variables in for `$`.
    """
    if value is None:
        return f"{name}="
    if all(char in _BARE or char == " " for char in value) and value == value.strip():
        return f"{name}={value}"
    if any(char in "'\\" or not char.isprintable() for char in value):
        raise UnwritableError(f"{name} holds a quote, a backslash or a control character, which .env files can't")
    return f"{name}='{value}'"


_LINES: dict[str, Callable[[str, str | None], str]] = {
    "sh": _sh,
    "bash": _sh,
    "zsh": _sh,
    "fish": _fish,
    "powershell": _powershell,
    "dotenv": _dotenv,
}
SHELLS = (*_LINES, "json")
"""What `write` knows."""
