"""Looking back: history, rules and their hits, proposals, checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelock.control.backend import BackendError, Then
from pipelock.model import AuditState, Check, ConfigReview, Fix, HistoryPage, RuleRow

__all__ = ["Reviewing"]

_NOT_YET = BackendError("unavailable", "this daemon keeps no history")


class Reviewing:
    """What the operator looks back at."""

    def rules(self) -> Sequence[RuleRow]:
        """Rules and their hits."""
        return ()

    def search(self, query: str, before: int, limit: int, since: float, then: Then[HistoryPage]) -> Callable[[], None]:
        """Search kept decisions."""
        then(_NOT_YET)
        return lambda: None

    def propose(self, action_id: str, finding: int, days: int, then: Then[Fix]) -> Callable[[], None]:
        """Propose a suppression."""
        then(_NOT_YET)
        return lambda: None

    def apply(self, fix_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Put it in force."""
        then(_NOT_YET)
        return lambda: None

    def remove(self, entry_id: str, by: str, then: Then[str]) -> Callable[[], None]:
        """Take one out again."""
        then(_NOT_YET)
        return lambda: None

    def config(self, then: Then[ConfigReview]) -> Callable[[], None]:
        """The file beside what is in force."""
        then(_NOT_YET)
        return lambda: None

    def doctor(self, then: Then[tuple[Check, ...]]) -> Callable[[], None]:
        """What is wrong."""
        then(_NOT_YET)
        return lambda: None

    def audit(self, then: Then[AuditState]) -> Callable[[], None]:
        """The audit log, looked through."""
        then(_NOT_YET)
        return lambda: None
