"""What ends a command, and with which code."""

from __future__ import annotations

__all__ = ["EXIT_FAILED", "EXIT_OK", "EXIT_SECURITY", "EXIT_USAGE", "CommandError", "UsageError"]

EXIT_OK = 0
EXIT_FAILED = 1
"""It did not work, or the answer is no."""
EXIT_USAGE = 2
"""The command line or the configuration is wrong."""
EXIT_SECURITY = 3
"""A signature or another proof did not hold."""


class CommandError(Exception):
    """A command cannot go on. `message` is one line for a person; `code` is the exit code."""

    def __init__(self, message: str, code: int = EXIT_FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class UsageError(CommandError):
    """The command line itself is wrong; the exit code is 2."""

    def __init__(self, message: str) -> None:
        super().__init__(message, EXIT_USAGE)
