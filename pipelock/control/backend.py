"""What the control server needs of the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pipelock.door.bus import EventBus
from pipelock.model import Answer, KillSwitchState, Pending, Session, Status

__all__ = ["Backend", "BackendError"]


class BackendError(Exception):
    """The daemon could not do it. `code` is one of not_found, stale, forbidden, bad_request, failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Backend(Protocol):
    """The daemon, as the control server sees it. All calls are made on the reactor's thread and must be quick."""

    @property
    def epoch(self) -> str:
        """Names this run of the daemon; never used before."""

    @property
    def version(self) -> str:
        """The daemon's version."""

    @property
    def bus(self) -> EventBus:
        """Where events are."""

    def status(self) -> Status:
        """The daemon at a glance."""

    def pending(self) -> Sequence[Pending]:
        """What waits for a person, oldest first; ids are decimal numbers that grow."""

    def sessions(self) -> Sequence[Session]:
        """Known sessions, most recently seen first."""

    def answer(self, pending_id: str, answer: Answer, binding: str) -> int:
        """Answer a held action and its twins; how many these were. An empty `binding` is not compared.

        Raises:
            BackendError: not_found, stale, forbidden.
        """

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:  # noqa: FBT001 - on or off is all there is
        """Set or clear the kill switch's `api` source.

        Raises:
            BackendError: failed.
        """

    def reload(self) -> str:
        """Read the configuration again; one sentence on what came of it.

        Raises:
            BackendError: failed, with what is wrong with the file; the old policy stays in force.
        """

    def attended(self, delta: int) -> None:
        """One more (+1) or one less (-1) dashboard is there to answer."""
