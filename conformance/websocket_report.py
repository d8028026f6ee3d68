"""Reading the index of an Autobahn run."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["PASSED", "TOLERATED", "Report", "read_index"]

PASSED = frozenset({"OK"})
TOLERATED = frozenset({"NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"})
"""What the suite itself doesn't count as failures: allowed but not the best, not judged, not offered by this side."""
_CLOSES = frozenset({"OK", "INFORMATIONAL"})


@dataclass(frozen=True, slots=True)
class Report:
    """One agent's cases.

    Attributes:
        behaviors: How many cases ended in which way.
        failed: The cases that count as failures, "case: how", in the suite's order. A connection that closed in a wrong
            way is one.
        noted: The tolerated ones that are not plainly passed.
    """

    behaviors: dict[str, int] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Cases that were run."""
        return sum(self.behaviors.values())


def read_index(path: Path, agent: str) -> Report:
    """Read `index.json` of a run.

    Raises:
        OSError, ValueError: there is none, or it is not what the suite writes. A run without a report has not passed.
    """
    index = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(index, dict) or not isinstance(index.get(agent), dict) or not index[agent]:
        raise ValueError(f"{path} has no cases of {agent}")
    behaviors: Counter[str] = Counter()
    failed, noted = [], []
    for case in sorted(index[agent], key=_order):
        outcome = index[agent][case]
        behavior, close = str(outcome["behavior"]), str(outcome["behaviorClose"])
        behaviors[behavior] += 1
        if behavior not in PASSED | TOLERATED:
            failed.append(f"{case}: {behavior}")
        elif behavior != "UNIMPLEMENTED" and close not in _CLOSES:
            failed.append(f"{case}: {behavior}, closed {close}")
        elif behavior not in PASSED:
            noted.append(f"{case}: {behavior}")
    return Report(dict(behaviors), tuple(failed), tuple(noted))


def _order(case: str) -> list[int]:
    return [int(part) for part in case.split(".")]
