"""`pipelock canary`: a planted value, as a piece of configuration."""

from __future__ import annotations

import json
import secrets
import sys

from pipelock.cli.errors import CommandError
from pipelock.cli.table import Arguments

__all__ = ["execute"]

_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LEAST, _MOST = 8, 4096


def execute(arguments: Arguments) -> int:
    """Print a `canary_tokens` section for one value, made up unless given."""
    value = arguments.value or "AKIA" + "".join(secrets.choice(_BASE32) for _ in range(16))
    variable = arguments.env_var
    if not _LEAST <= len(value) <= _MOST:
        raise CommandError(f"a canary's value has {_LEAST} to {_MOST} characters")
    if not (variable.isascii() and variable.isidentifier()):
        raise CommandError(f"{variable!r} is no name of an environment variable")
    if not arguments.name or len(arguments.name) > 256:
        raise CommandError("a canary's name has 1 to 256 characters")
    token = {"name": arguments.name, "value": value if arguments.literal else f"${{{variable}}}", "env_var": variable}
    if arguments.format == "json":
        print(json.dumps({"canary_tokens": {"enabled": True, "tokens": [token]}}, indent=2))
    else:
        # JSON strings are YAML strings.
        lines = [f"{key}: {json.dumps(text)}" for key, text in token.items()]
        print("canary_tokens:\n  enabled: true\n  tokens:\n    - " + "\n      ".join(lines))
    if not arguments.literal:
        sys.stderr.write(
            "The daemon reads the value from its environment; plant it where only a thief looks, too:\n"
            f"export {variable}={_quoted(value)}\n"
        )
    return 0


def _quoted(text: str) -> str:
    return text if text.isalnum() and text.isascii() else "'" + text.replace("'", "'\\''") + "'"
