"""The frames of the control protocol, one JSON object a line (docs/control-protocol.md).

The client speaks first with `Hello`; the server answers `Welcome` or `Refused` and closes. After that every client
frame that carries an `id` is answered by exactly one `Reply` with the same `id`; between replies the server pushes
`Push` frames to those who subscribed.
"""

from __future__ import annotations

import msgspec

from pipelock.model import (
    Answer,
    AuditState,
    Check,
    ConfigReview,
    Contained,
    ContainmentFacts,
    Denial,
    Event,
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

__all__ = [
    "MAX_BACKLOG",
    "MAX_FRAME",
    "PROTOCOL",
    "ActOnSession",
    "ActedReply",
    "AnswerPending",
    "AnsweredReply",
    "ApplyFix",
    "AskContainment",
    "AuditReply",
    "BodyReply",
    "ClientFrame",
    "ConfigReply",
    "Contain",
    "ContainReply",
    "ContainmentReply",
    "DoctorReply",
    "Failed",
    "FixReply",
    "Gap",
    "GrantsReply",
    "Hello",
    "HistoryReply",
    "InspectSession",
    "KillReply",
    "ListGrants",
    "ListPending",
    "ListRules",
    "ListSessions",
    "LookAt",
    "Ok",
    "Ordered",
    "PendingReply",
    "ProposeFix",
    "Push",
    "QueryStatus",
    "ReadAudit",
    "ReadBody",
    "Refused",
    "Reload",
    "RemoveSuppression",
    "Reply",
    "ReportDenial",
    "Result",
    "ReviewConfig",
    "ReviewGrants",
    "RevokeGrant",
    "RulesReply",
    "RunDoctor",
    "SearchHistory",
    "ServerFrame",
    "SessionReply",
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
    """Answer a held action and its twins. `binding`, when given, must equal the pending item's binding.

    `answer.by` is ignored: the daemon says who answered.
    """

    id: int
    pending: str
    answer: Answer
    binding: str = ""


class LookAt(msgspec.Struct, frozen=True, tag="look"):
    """A person is looking at a held action: its countdown stands still for a few seconds. Said again while they do."""

    id: int
    pending: str


class ReadBody(msgspec.Struct, frozen=True, tag="read_body"):
    """Ask for the body of a held action as it would be sent, unmasked, to be changed: `BodyReply`."""

    id: int
    pending: str
    binding: str


class ListGrants(msgspec.Struct, frozen=True, tag="grants"):
    """Ask for `GrantsReply`, leaving out the first `offset`."""

    id: int
    offset: int = 0


class RevokeGrant(msgspec.Struct, frozen=True, tag="revoke"):
    """Take back an answer that holds for more than once."""

    id: int
    grant: str


class ReviewGrants(msgspec.Struct, frozen=True, tag="review_grants"):
    """Take over what somebody else wrote into approvals.yaml, and note its present state as reviewed."""

    id: int


class InspectSession(msgspec.Struct, frozen=True, tag="inspect"):
    """Ask for `SessionReply`."""

    id: int
    key: str


class ActOnSession(msgspec.Struct, frozen=True, kw_only=True, tag="act"):
    """Do something to a session: `ActedReply`.

    `tier` belongs to `AIRLOCK`, `label` to `TASK`, the others to `TRUST` (`expires_at` in seconds since the epoch);
    `reason` is recorded with any.
    """

    id: int
    key: str
    verb: SessionVerb
    tier: Tier = Tier.NONE
    label: str = ""
    reason: str = ""
    source_match: str = ""
    action_match: str = ""
    expires_at: float = 0.0


class AskContainment(msgspec.Struct, frozen=True, tag="ask_containment"):
    """Ask for `ContainmentReply`: what holds for an agent that is to be launched under this name."""

    id: int
    profile: str = ""


class Contain(msgspec.Struct, frozen=True, tag="contain"):
    """Take over the sockets of a launched agent: `ContainReply`.

    The descriptors come with this frame (SCM_RIGHTS), in the order of `sockets`. The connection is the lease: when it
    ends, so do the agent's network and its session's connections. From now on the daemon may push `Ordered`.
    `rules` are one-line egress rules; they can only narrow what config says.
    """

    id: int
    contained: Contained
    sockets: tuple[HandedSocket, ...]
    rules: tuple[str, ...] = ()


class ReportDenial(msgspec.Struct, frozen=True, tag="report_denial"):
    """Tell what a wall refused to the agent of this connection."""

    id: int
    denial: Denial


class SearchHistory(msgspec.Struct, frozen=True, tag="history"):
    """Ask for `HistoryReply`: decisions that match `query` (the dashboard's filter language), newest first.

    Looks at what is older than row `before` (0: from the newest) and not older than `since` (seconds since the epoch).
    """

    id: int
    query: str = ""
    before: int = 0
    limit: int = 200
    since: float = 0.0


class ProposeFix(msgspec.Struct, frozen=True, tag="propose_fix"):
    """Ask for `FixReply`: how a refusal would be kept from happening again if it was a mistake.

    `action` is the id of the action; `finding` which of its findings, 0 the deciding one; `days` until it expires.
    """

    id: int
    action: str
    finding: int = 0
    days: int = 30


class ApplyFix(msgspec.Struct, frozen=True, tag="apply_fix"):
    """Write a proposed suppression to suppressions.yaml and put it in force."""

    id: int
    fix: str


class RemoveSuppression(msgspec.Struct, frozen=True, tag="unsuppress"):
    """Take an entry out of suppressions.yaml (`RuleRow.id`) and put that in force."""

    id: int
    entry: str


class ListRules(msgspec.Struct, frozen=True, tag="rules"):
    """Ask for `RulesReply`, leaving out the first `offset`."""

    id: int
    offset: int = 0


class ReviewConfig(msgspec.Struct, frozen=True, tag="config"):
    """Ask for `ConfigReply`: the file on disk beside what is in force."""

    id: int


class RunDoctor(msgspec.Struct, frozen=True, tag="doctor"):
    """Ask for `DoctorReply`."""

    id: int


class ReadAudit(msgspec.Struct, frozen=True, tag="audit"):
    """Ask for `AuditReply`: the audit log, looked through."""

    id: int


class SwitchKill(msgspec.Struct, frozen=True, tag="kill"):
    """Set or clear the kill switch's `api` source; the other sources stay as they are."""

    id: int
    active: bool


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """Read the config file again, as SIGHUP does."""

    id: int


ClientFrame = (
    Hello
    | Subscribe
    | Unsubscribe
    | QueryStatus
    | ListPending
    | ListSessions
    | AnswerPending
    | LookAt
    | ReadBody
    | ListGrants
    | RevokeGrant
    | ReviewGrants
    | InspectSession
    | ActOnSession
    | AskContainment
    | Contain
    | ReportDenial
    | SearchHistory
    | ProposeFix
    | ApplyFix
    | RemoveSuppression
    | ListRules
    | ReviewConfig
    | RunDoctor
    | ReadAudit
    | SwitchKill
    | Reload
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
    """Not done. `code` is one of not_found, stale, forbidden, bad_request, unavailable, failed."""

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


class AnsweredReply(msgspec.Struct, frozen=True, tag="answered"):
    """Answer to `AnswerPending`: how many held actions it settled, and the grant it left, for undoing."""

    count: int
    grant: Grant | None = None


class BodyReply(msgspec.Struct, frozen=True, tag="body"):
    """Answer to `ReadBody`: at most 256 KiB of text (UTF-8)."""

    body: bytes
    content_type: str = ""


class GrantsReply(msgspec.Struct, frozen=True, tag="grants"):
    """Answer to `ListGrants`, newest first. `more` follow; `unreviewed` lines differ in approvals.yaml."""

    items: tuple[Grant, ...]
    more: bool = False
    unreviewed: tuple[str, ...] = ()


class SessionReply(msgspec.Struct, frozen=True, tag="session"):
    """Answer to `InspectSession`."""

    detail: SessionDetail


class ActedReply(msgspec.Struct, frozen=True, tag="acted"):
    """Answer to `ActOnSession`."""

    acted: SessionActed


class ContainmentReply(msgspec.Struct, frozen=True, tag="containment"):
    """Answer to `AskContainment`."""

    facts: ContainmentFacts


class ContainReply(msgspec.Struct, frozen=True, tag="contain"):
    """Answer to `Contain`: the key of the agent's session."""

    session: str


class HistoryReply(msgspec.Struct, frozen=True, tag="history"):
    """Answer to `SearchHistory`."""

    page: HistoryPage


class FixReply(msgspec.Struct, frozen=True, tag="fix"):
    """Answer to `ProposeFix`."""

    fix: Fix


class RulesReply(msgspec.Struct, frozen=True, tag="rules"):
    """Answer to `ListRules`."""

    items: tuple[RuleRow, ...]
    more: bool = False


class ConfigReply(msgspec.Struct, frozen=True, tag="config"):
    """Answer to `ReviewConfig`."""

    review: ConfigReview


class DoctorReply(msgspec.Struct, frozen=True, tag="doctor"):
    """Answer to `RunDoctor`."""

    checks: tuple[Check, ...]


class AuditReply(msgspec.Struct, frozen=True, tag="audit"):
    """Answer to `ReadAudit`."""

    state: AuditState


Result = (
    Ok
    | Failed
    | StatusReply
    | PendingReply
    | SessionsReply
    | KillReply
    | AnsweredReply
    | BodyReply
    | GrantsReply
    | SessionReply
    | ActedReply
    | HistoryReply
    | FixReply
    | RulesReply
    | ConfigReply
    | DoctorReply
    | AuditReply
    | ContainmentReply
    | ContainReply
)


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


class Ordered(msgspec.Struct, frozen=True, tag="order"):
    """To the launcher that holds a lease: do this to the agent."""

    order: Order


ServerFrame = Welcome | Refused | Reply | Push | Gap | Ordered
