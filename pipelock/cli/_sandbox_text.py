"""What a launch says afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelock.model import Denial

__all__ = ["denial_lines"]

_MAX_SHOWN = 12


def denial_lines(denials: Sequence[Denial], left_out: int) -> Iterator[str]:
    """What the walls refused, most frequent first, a line each, not escaped; at most 12."""
    by_count = sorted(denials, key=lambda denial: -denial.count)
    for denial in by_count[:_MAX_SHOWN]:
        who = f" by {denial.program}" if denial.program else ""
        times = f" ({denial.count} times)" if denial.count > 1 else ""
        fix = f"; to allow it: {denial.fix}" if denial.fix else ""
        yield f"refused{times}: {denial.what}{who}: {denial.why}{fix}"
    more = sum(denial.count for denial in by_count[_MAX_SHOWN:]) + left_out
    if more:
        yield f"refused: {more} more; `pipelock events` has them"
