"""What the control server needs of the daemon."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from pipelock.door.bus import EventBus
from pipelock.identity.process import ProcessId
from pipelock.model import (
    Answer,
    AuditState,
    Check,
    ConfigReview,
    Contained,
    ContainmentFacts,
    Denial,
    Fix,
    Grant,
    HandedSocket,
    HistoryPage,
    KillSwitchState,
    Order,
    Pending,
    RuleRow,
    Session,
    SessionActed,
    SessionDetail,
    SessionVerb,
    Status,
    Tier,
)

__all__ = ["Backend", "BackendError", "ContainWish", "Lease", "SessionWish", "Then"]

T = TypeVar("T")


class BackendError(Exception):
    """The daemon could not do it. `code` is one of not_found, stale, forbidden, bad_request, unavailable, failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class SessionWish(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator wants done to a session; the fields are those of `frames.ActOnSession`. `by` says who."""

    key: str
    verb: SessionVerb
    tier: Tier = Tier.NONE
    label: str = ""
    reason: str = ""
    source_match: str = ""
    action_match: str = ""
    expires_at: float = 0.0
    by: str = ""


class Lease(Protocol):
    """A launcher's connection: as long as it lasts, the daemon serves the agent that was launched."""

    def order(self, order: Order) -> None:
        """Have the launcher do something; lost where the connection is gone."""


class ContainWish(msgspec.Struct, frozen=True, kw_only=True):
    """A launched agent that is to be served. The fields are those of `frames.Contain`.

    Attributes:
        descriptors: As many as `sockets`, in their order. They are the daemon's from now on, whatever comes of it.
        ancestors: The launcher and those above it.
        may_decide: Whether who launches may decide too, and so may give what nobody else may.
        inside: The known agent that launches, by its profile's name where it has one; empty for none.
        shared: Who launches could do so for each request: what is held against one sandbox counts for all of its name.
    """

    contained: Contained
    sockets: tuple[HandedSocket, ...]
    descriptors: tuple[int, ...]
    rules: tuple[str, ...] = ()
    ancestors: tuple[ProcessId, ...] = ()
    may_decide: bool = False
    inside: str = ""
    shared: bool = False


Then = Callable[[T | BackendError], None]
"""Takes the outcome of what takes a while: called once, on the reactor's thread."""


class Backend(Protocol):
    """The daemon, as the control server sees it. All calls are made on the reactor's thread and must be quick.

    What reads files, compiles or searches takes a `then` and calls it later. What is returned by these ends the wish:
    `then` need not be called after it; it may be.
    """

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

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """Answer a held action and its twins; how many actions that settled, and the grant that it left.

        An empty `binding` is not compared.

        Raises:
            BackendError: not_found, stale, forbidden, bad_request (a scope or lifetime that was not offered).
        """

    def look_at(self, pending_id: str) -> None:
        """Somebody looks at a held action: its countdown stands still for a few seconds.

        Raises:
            BackendError: not_found.
        """

    def held_body(self, pending_id: str, binding: str) -> tuple[bytes, str]:
        """The body of a held action, to be edited, and its media type.

        Raises:
            BackendError: not_found, stale, bad_request (it can't be edited).
        """

    def grants(self) -> Sequence[Grant]:
        """Answers that hold for more than once, newest first."""

    def unreviewed_grants(self) -> tuple[str, ...]:
        """What somebody else changed in approvals.yaml, as lines of a diff; empty where nothing."""

    def revoke_grant(self, grant_id: str, by: str) -> str:
        """Take one back; a sentence on what came of it.

        Raises:
            BackendError: not_found, failed.
        """

    def review_grants(self, by: str) -> str:
        """Take over approvals.yaml as it is; a sentence on what came of it.

        Raises:
            BackendError: failed, with what is wrong with the file.
        """

    def inspect_session(self, key: str) -> SessionDetail:
        """One session.

        Raises:
            BackendError: not_found.
        """

    def act_on_session(self, wish: SessionWish) -> SessionActed:
        """Do something to one session.

        Raises:
            BackendError: not_found, bad_request.
        """

    def containment_facts(self, profile: str, *, may_decide: bool) -> ContainmentFacts:
        """What holds for an agent that is to be launched under this name, by somebody who may decide or not.

        Raises:
            BackendError: unavailable, where agents can't be contained by this daemon.
        """

    def contain(self, lease: Lease, wish: ContainWish) -> str:
        """Serve a launched agent for as long as `lease` is not released; the key of its session.

        Raises:
            BackendError: bad_request, forbidden, unavailable. The descriptors are closed then.
        """

    def report_denial(self, lease: Lease, denial: Denial) -> bool:
        """A wall refused something to the agent of this lease; whether it was told, and not only counted.

        Raises:
            BackendError: not_found, where the lease holds no agent.
        """

    def release(self, lease: Lease) -> None:
        """The launcher's connection is gone; harmless for one that holds nothing."""

    def rules(self) -> Sequence[RuleRow]:
        """Rules, suppressions and grants with their hits; those that met something first."""

    def search_history(
        self, query: str, before: int, limit: int, since: float, then: Then[HistoryPage]
    ) -> Callable[[], None]:
        """Search kept decisions. Outcomes: bad_request (the query can't be read), unavailable."""

    def propose_fix(self, action_id: str, finding: int, days: int, then: Then[Fix]) -> Callable[[], None]:
        """Propose the narrowest suppression. Outcomes: not_found, bad_request."""

    def apply_fix(self, fix_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Write it and put it in force; a sentence on what came of it. Outcomes: not_found, failed."""

    def remove_suppression(self, entry_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Take one out again. Outcomes: not_found, failed."""

    def review_config(self, then: Then[ConfigReview]) -> Callable[[], None]:
        """Compare the file with what is in force."""

    def doctor(self, then: Then[tuple[Check, ...]]) -> Callable[[], None]:
        """Look for what is wrong."""

    def read_audit(self, then: Then[AuditState]) -> Callable[[], None]:
        """Look through the audit log."""

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
