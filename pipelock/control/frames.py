"""The frames of the control protocol, one JSON object a line (docs/control-protocol.md).

The client speaks first with `Hello`; the server answers `Welcome` or `Refused` and closes. After that every client
frame that carries an `id` is answered by exactly one `Reply` with the same `id`; between replies the server pushes
`Push` frames to those who subscribed.
"""

from __future__ import annotations

import msgspec

from pipelock.model import AnswerWord, Event, KillSwitchState, Pending, Session, Status

__all__ = [
    "MAX_BACKLOG",
    "MAX_FRAME",
    "PROTOCOL",
    "AnswerPending",
    "ClientFrame",
    "Failed",
    "Gap",
    "Hello",
    "KillReply",
    "ListPending",
    "ListSessions",
    "Ok",
    "PendingReply",
    "Push",
    "QueryStatus",
    "Refused",
    "Reload",
    "Reply",
    "Result",
    "ServerFrame",
    "SessionsReply",
    "StatusReply",
    "Subscribe",
    "SwitchKill",
    "Unsubscribe",
    "Welcome",
]

PROTOCOL = 1
"""Version of this protocol. A server refuses another and says both numbers."""
MAX_FRAME = 1_048_576
"""Longest line either side accepts, in bytes, line feed included."""
MAX_BACKLOG = 10_000
"""Largest `backlog` that makes a difference: how many events the daemon holds."""


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """Opens the conversation. `role` is `dashboard` (attended: counts as an approver present) or `command`."""

    protocol: int = PROTOCOL
    version: str = ""
    role: str = "command"


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """Push events after sequence number `after` (of daemon run `epoch`), at most `backlog` of the past.

    With another or no `epoch`, `after` is ignored and the newest `backlog` events come first. Whoever is subscribed
    already goes on from the new place.
    """

    id: int
    epoch: str = ""
    after: int = 0
    backlog: int = 1000


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe"):
    """Stop pushing."""

    id: int


class QueryStatus(msgspec.Struct, frozen=True, tag="status"):
    """Ask for `StatusReply`."""

    id: int


class ListPending(msgspec.Struct, frozen=True, tag="pending"):
    """Ask for `PendingReply`: the items that came after item `after`, all where it is empty."""

    id: int
    after: str = ""


class ListSessions(msgspec.Struct, frozen=True, tag="sessions"):
    """Ask for `SessionsReply`, leaving out the first `offset` sessions."""

    id: int
    offset: int = 0


class AnswerPending(msgspec.Struct, frozen=True, tag="answer"):
    """Answer a held action and its twins. `binding`, when given, must equal the pending item's binding."""

    id: int
    pending: str
    word: AnswerWord
    note: str = ""
    binding: str = ""


class SwitchKill(msgspec.Struct, frozen=True, tag="kill"):
    """Set or clear the kill switch's `api` source; the other sources stay as they are."""

    id: int
    active: bool


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """Read the config file again, as SIGHUP does."""

    id: int


ClientFrame = (
    Hello | Subscribe | Unsubscribe | QueryStatus | ListPending | ListSessions | AnswerPending | SwitchKill | Reload
)


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The server's half of the opening. `may_decide` is false for peers that may only watch, with `why`."""

    protocol: int
    version: str
    epoch: str
    may_decide: bool
    why: str = ""


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The server ends the conversation, before it began or because the client broke the protocol. Nothing follows."""

    why: str
    protocol: int = PROTOCOL


class Ok(msgspec.Struct, frozen=True, tag="ok"):
    """Done; `count` says how many things were affected."""

    count: int = 1
    detail: str = ""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Not done. `code` is one of not_found, stale, forbidden, bad_request, failed."""

    code: str
    message: str


class StatusReply(msgspec.Struct, frozen=True, tag="status"):
    """Answer to `QueryStatus`."""

    status: Status


class PendingReply(msgspec.Struct, frozen=True, tag="pending"):
    """Answer to `ListPending`, oldest first. `more` items follow the last of these where a frame can't hold all."""

    items: tuple[Pending, ...]
    more: bool = False


class SessionsReply(msgspec.Struct, frozen=True, tag="sessions"):
    """Answer to `ListSessions`, most recently seen first. `more` of them follow where a frame can't hold all."""

    items: tuple[Session, ...]
    more: bool = False


class KillReply(msgspec.Struct, frozen=True, tag="kill"):
    """Answer to `SwitchKill`."""

    state: KillSwitchState


Result = Ok | Failed | StatusReply | PendingReply | SessionsReply | KillReply


class Reply(msgspec.Struct, frozen=True, tag="reply"):
    """The answer to the client frame with this `id`."""

    id: int
    result: Result


class Push(msgspec.Struct, frozen=True, tag="event"):
    """One event of a subscription."""

    event: Event


class Gap(msgspec.Struct, frozen=True, tag="gap"):
    """Events `first` to `last` are left out: older than the backlog asked for, or no longer held in memory.

    The audit log has them.
    """

    first: int
    last: int


ServerFrame = Welcome | Refused | Reply | Push | Gap
