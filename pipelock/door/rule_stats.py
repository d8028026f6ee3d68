"""How often each rule met something, since the daemon started."""

from __future__ import annotations

from pipelock.engine._outline import matcher
from pipelock.engine._suppress import Suppressions
from pipelock.engine.content import folded
from pipelock.model import Record

__all__ = ["MAX_RULES", "Hits", "RuleStats"]

MAX_RULES = 10_000
"""Names that are counted; later ones are not."""

Hits = dict[str, tuple[int, float]]
"""How often and when last (seconds since the epoch), by name."""


class RuleStats:
    """Counts by the name of a rule, of an egress rule, and by the id of an entry of `suppress`."""

    def __init__(self) -> None:
        self.detection: Hits = {}
        self.egress: Hits = {}
        self.suppression: Hits = {}

    def decided(self, record: Record, suppressions: Suppressions) -> None:
        """Count one decision. One that found nothing costs next to nothing."""
        decision = record.decision
        if decision.rule:
            _bump(self.egress, decision.rule, record.at)
        if decision.findings:
            for rule in {finding.rule for finding in decision.findings}:
                _bump(self.detection, rule, record.at)
        if decision.suppressed:
            self._suppressed(record, suppressions)

    def _suppressed(self, record: Record, suppressions: Suppressions) -> None:
        action = record.action
        host = folded(action.host)
        for finding in record.decision.suppressed:
            _bump(self.detection, finding.rule, record.at)
            entry = suppressions.likely(finding, record.at, host=host, matches=matcher(action))
            if entry:
                _bump(self.suppression, entry, record.at)


def _bump(table: Hits, name: str, at: float) -> None:
    known = table.get(name)
    if known is not None:
        table[name] = (known[0] + 1, at)
    elif len(table) < MAX_RULES:
        table[name] = (1, at)
