"""What can go wrong between a client and the daemon, as callers see it."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ControlError", "NotRunning"]


class ControlError(Exception):
    """The daemon, or the way to it, did not do what was asked.

    Attributes:
        code: From the daemon: not_found, stale, forbidden, bad_request, failed. From the client: not_running,
            refused, version (the two speak different protocol versions), disconnected, timeout, protocol.
        message: One sentence for a person. Text that came from the daemon is escaped.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class NotRunning(ControlError):  # noqa: N818 - it says what is the case; the base says that it is an error
    """Nobody answers at `path`. The code is `not_running`."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(
            "not_running", f"no pipelock daemon answers at {path}; start one with `pipelock run --preset balanced`"
        )
        self.path = Path(path)
