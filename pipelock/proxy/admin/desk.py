"""What the admin API needs of the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from pipelock.model import (
    Answer,
    Grant,
    KillSwitchState,
    Pending,
    Session,
    SessionActed,
    SessionDetail,
    SessionVerb,
    Tier,
)

__all__ = ["AdminCall", "AdminDesk", "DeskError", "SessionOrder", "SignedError"]


class DeskError(Exception):
    """The daemon could not do it. `code` is one of not_found, stale, forbidden, bad_request, unavailable, failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SignedError(Exception):
    """An answer that should prove by a signature who sent it is refused. `status` is what its sender is told."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class SessionOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done to one session.

    Which fields count depends on `verb`; `expires_at` is seconds since the epoch.
    """

    key: str
    verb: SessionVerb
    tier: Tier = Tier.NONE
    label: str = ""
    reason: str = ""
    source_match: str = ""
    action_match: str = ""
    expires_at: float = 0.0
    by: str = ""


class AdminCall(msgspec.Struct, frozen=True):
    """One call of the admin API, for the record.

    Attributes:
        action: What was asked, `list`, `airlock`, `killswitch`…; `unknown` where that can't be said.
        client: Where it came from.
        status: The status it was answered with.
        session: The session's key, or the held request's id.
        result: One sentence, escaped by whoever writes it down.
        left_out: Refused calls before this one that were not written down, there being too many.
    """

    action: str
    client: str
    status: int
    session: str = ""
    result: str = ""
    left_out: int = 0


class AdminDesk(Protocol):
    """The daemon, as the admin API sees it. All calls are made on the reactor's thread and are quick."""

    def token(self) -> str:
        """The bearer token in force now; empty where none is set."""

    def kill_state(self) -> KillSwitchState:
        """The kill switch and what holds it."""

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:  # noqa: FBT001 - on or off is all there is
        """Set or clear the kill switch's `api` source.

        Raises:
            DeskError: failed.
        """

    def sessions(self) -> Sequence[Session]:
        """Known sessions, most recently seen first."""

    def inspect(self, key: str) -> SessionDetail:
        """One session.

        Raises:
            DeskError: not_found.
        """

    def act(self, order: SessionOrder) -> SessionActed:
        """Do something to a session.

        Raises:
            DeskError: not_found, bad_request.
        """

    def lockdown_seconds(self) -> float:
        """How long a session is remembered after it was last heard of, and with it that everything is refused it."""

    def pending(self) -> Sequence[Pending]:
        """What waits for a person, oldest first."""

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """Answer a held request and its twins: how many that settled, and the grant it left.

        Raises:
            DeskError: not_found, stale, forbidden, bad_request.
        """

    def called(self, call: AdminCall) -> None:
        """Write down a call."""
