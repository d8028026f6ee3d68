"""`pipelock env`: the variables that make programs use the proxy, and believe what it shows them."""

from __future__ import annotations

import os
import sys

from pipelock.cli._trust import find_setup, refresh_bundle
from pipelock.cli.errors import EXIT_OK, UsageError
from pipelock.cli.output import complain
from pipelock.cli.table import Arguments
from pipelock.trust.shells import UnwritableError, shell_of, write
from pipelock.trust.variables import cleared, variables

__all__ = ["execute"]

_HOW_SH = 'eval "$(pipelock env)"'
_HOW = {
    "fish": "pipelock env | source",
    "powershell": "pipelock env | Out-String | Invoke-Expression",
}


def execute(arguments: Arguments) -> int:
    """Print one assignment a line, for the shell that was named or else the user's own."""
    if arguments.ca and arguments.no_ca:
        raise UsageError("--ca and --no-ca exclude each other")
    shell = arguments.dialect or shell_of(os.environ)
    values = cleared(os.environ) if arguments.unset else _variables(arguments)
    try:
        text = write(shell, values)
    except UnwritableError as error:
        raise UsageError(str(error)) from error
    if sys.stdout.isatty():
        print(f"# this only prints; use it as: {_HOW.get(shell, _HOW_SH)}", file=sys.stderr)
    # A path may be any bytes; they go out as they came in.
    sys.stdout.flush()
    sys.stdout.buffer.write(os.fsencode(text + "\n"))
    return EXIT_OK


def _variables(arguments: Arguments) -> dict[str, str | None]:
    setup = find_setup(arguments, arguments.address)
    files = None
    if arguments.ca or (setup.config.tls_interception.enabled and not arguments.no_ca):
        bundle = refresh_bundle(arguments, setup.config)
        for note in bundle.notes:
            complain(note)
        files = bundle.files
    return {**variables(setup.proxy, files, os.environ, arguments.no_proxy)}
