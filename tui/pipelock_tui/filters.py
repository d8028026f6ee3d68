"""Which rows of the decision list a filter shows."""

from __future__ import annotations

from pipelock.query import Filter
from pipelock_tui.rows import Row

__all__ = ["shows"]


def shows(wanted: Filter, row: Row) -> bool:
    """Whether the row is shown. Rows that say that something is missing always are."""
    if row.gap:
        return True
    return wanted.matches_text(row.text, row.at) if row.record is None else wanted.matches(row.record)
