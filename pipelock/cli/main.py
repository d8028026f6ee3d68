"""Where the `pipelock` program starts."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from pipelock.cli.errors import EXIT_FAILED, EXIT_USAGE, CommandError
from pipelock.cli.output import complain
from pipelock.cli.parser import find_command, named_command, parse
from pipelock.cli.table import Arguments
from pipelock.control.errors import ControlError
from pipelock.control.paths import SocketPathError

__all__ = ["main", "run"]

_INTERRUPTED = 130
"""What a shell reports for a program that SIGINT ended (128 + 2)."""


def main(argv: Sequence[str]) -> int:
    """Carry out one command line and give its exit code; a user's mistake is one line on standard error."""
    try:
        arguments = parse(argv)
        return _execute(arguments)
    except CommandError as error:
        complain(error.message)
        return error.code
    except ControlError as error:
        complain(error.message)
        return EXIT_FAILED
    except SocketPathError as error:
        complain(str(error))
        return EXIT_USAGE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough. The interpreter would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED


def run() -> NoReturn:
    """The program: `main` with the process's own arguments."""
    # Until the command's module is there (`_execute`): while modules are made there is nothing to collect.
    gc.disable()
    code = main(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = code or EXIT_FAILED
    command = named_command(sys.argv[1:])
    if command is not None and command.brief:
        os._exit(code)
    # The interpreter's last collection would look at everything there is, which takes longer than some commands.
    gc.freeze()
    sys.exit(code)


def _execute(arguments: Arguments) -> int:
    command = find_command(arguments.verb)
    if command is None:
        raise CommandError(f"there is no command {arguments.verb}", EXIT_USAGE)
    execute: Callable[[Arguments], int] = importlib.import_module(command.module).execute
    if not command.brief:
        gc.enable()
    return execute(arguments)
