"""What the control socket asks of the daemon, passed on to the part that knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pipelock.control.backend import ContainWish, Lease, SessionWish, Then
from pipelock.daemon.containment_facts import Planning
from pipelock.door.bus import EventBus
from pipelock.model import (
    Answer,
    AuditState,
    Check,
    ConfigReview,
    ContainmentFacts,
    Denial,
    Fix,
    Grant,
    HistoryPage,
    KillSwitchState,
    Pending,
    RuleRow,
    Session,
    SessionActed,
    SessionDetail,
    Status,
)

if TYPE_CHECKING:
    from pipelock.daemon.app import Daemon

__all__ = ["Desk"]


class Desk:
    """The daemon's `Backend`: passes on, and holds next to nothing."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._planning = Planning(daemon, daemon.place)
        self.epoch = daemon.epoch
        self.version = daemon.version

    @property
    def bus(self) -> EventBus:
        """Where events are."""
        return self._daemon.bus

    def status(self) -> Status:
        """The daemon at a glance."""
        return self._daemon.status()

    def reload(self) -> str:
        """Read the configuration again."""
        return self._daemon.request_reload()

    def switch_kill(self, active: bool, by: str) -> KillSwitchState:  # noqa: FBT001 - on or off is all there is
        """The control socket's source of the kill switch."""
        return self._daemon.switch_kill(active, by)

    def attended(self, delta: int) -> None:
        """A dashboard came or went."""
        self._daemon.door.dashboards += delta

    # -- what waits for a person -----------------------------------------------------------------------------------

    def pending(self) -> Sequence[Pending]:
        """What waits for a person."""
        return self._daemon.answering.pending()

    def answer(self, pending_id: str, answer: Answer, binding: str) -> tuple[int, Grant | None]:
        """A person's answer."""
        return self._daemon.answering.answer(pending_id, answer, binding)

    def look_at(self, pending_id: str) -> None:
        """Somebody looks at it."""
        self._daemon.answering.look_at(pending_id)

    def held_body(self, pending_id: str, binding: str) -> tuple[bytes, str]:
        """What would be sent."""
        return self._daemon.answering.held_body(pending_id, binding)

    def grants(self) -> Sequence[Grant]:
        """Answers that hold."""
        return self._daemon.answering.grants()

    def unreviewed_grants(self) -> tuple[str, ...]:
        """What somebody else wrote into approvals.yaml."""
        return self._daemon.answering.unreviewed()

    def revoke_grant(self, grant_id: str, by: str) -> str:
        """Take one back."""
        return self._daemon.answering.revoke(grant_id, by)

    def review_grants(self, by: str) -> str:
        """Take over approvals.yaml as it is."""
        return self._daemon.answering.review(by)

    # -- sessions --------------------------------------------------------------------------------------------------

    def sessions(self) -> Sequence[Session]:
        """Who has been talking."""
        return self._daemon.oversight.sessions()

    def inspect_session(self, key: str) -> SessionDetail:
        """One of them."""
        return self._daemon.oversight.inspect(key)

    def act_on_session(self, wish: SessionWish) -> SessionActed:
        """Do something to one."""
        return self._daemon.oversight.act(wish)

    # -- sandboxes -------------------------------------------------------------------------------------------------

    def containment_facts(self, profile: str, *, may_decide: bool) -> ContainmentFacts:
        """What a launcher plans by."""
        return self._planning.facts(profile, may_decide=may_decide)

    def contain(self, lease: Lease, wish: ContainWish) -> str:
        """Serve a launched agent."""
        return self._daemon.containment.contain(lease, wish)

    def report_denial(self, lease: Lease, denial: Denial) -> bool:
        """A wall refused something."""
        return self._daemon.containment.denied(lease, denial)

    def release(self, lease: Lease) -> None:
        """A launcher is gone."""
        self._daemon.containment.release(lease)

    # -- looking back ----------------------------------------------------------------------------------------------

    def rules(self) -> Sequence[RuleRow]:
        """Rules and their hits."""
        return self._daemon.reviewing.rules()

    def search_history(
        self, query: str, before: int, limit: int, since: float, then: Then[HistoryPage]
    ) -> Callable[[], None]:
        """Search kept decisions."""
        return self._daemon.reviewing.search(query, before, limit, since, then)

    def propose_fix(self, action_id: str, finding: int, days: int, then: Then[Fix]) -> Callable[[], None]:
        """Propose a suppression."""
        return self._daemon.reviewing.propose(action_id, finding, days, then)

    def apply_fix(self, fix_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Put it in force."""
        return self._daemon.reviewing.apply(fix_id, by, then)

    def remove_suppression(self, entry_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Take one out again."""
        return self._daemon.reviewing.remove(entry_id, by, then)

    def review_config(self, then: Then[ConfigReview]) -> Callable[[], None]:
        """The file beside what is in force."""
        return self._daemon.reviewing.config(then)

    def doctor(self, then: Then[tuple[Check, ...]]) -> Callable[[], None]:
        """What is wrong."""
        return self._daemon.reviewing.doctor(then)

    def read_audit(self, then: Then[AuditState]) -> Callable[[], None]:
        """The audit log, looked through."""
        return self._daemon.reviewing.audit(then)
