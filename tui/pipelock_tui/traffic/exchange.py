"""What belongs to a row: the request, its answer, what came in parts, how it ended, and what its session did around it.

A request, its answer and their parts share the action's id. Everything is taken from what the dashboard has in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelock.model import Kind, Record
from pipelock_tui.rows import Row

__all__ = ["AROUND", "MAX_PARTS", "Exchange", "action_of", "exchange_of"]

MAX_PARTS = 200
"""Rows of one exchange that are kept, the newest."""
AROUND = 6
"""Rows of the same session that are shown before and after the exchange."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A row and what belongs to it.

    Attributes:
        chosen: The record of the row that was asked for.
        rows: All of the same action, oldest first.
        before, after: Others of the same session, oldest first.
    """

    chosen: Record
    rows: tuple[Row, ...] = ()
    before: tuple[Row, ...] = ()
    after: tuple[Row, ...] = ()

    @property
    def request(self) -> Record | None:
        """What was sent, or asked to be sent."""
        sent = (record for record in self._records() if not _comes_in(record))
        return next((record for record in sent if not record.action.kind.is_part), None)

    @property
    def response(self) -> Record | None:
        """The answer that came back."""
        return next((record for record in self._records() if record.action.kind is Kind.RESPONSE), None)

    @property
    def parts(self) -> tuple[Record, ...]:
        """Pieces, events and messages that were recorded by themselves."""
        return tuple(record for record in self._records() if record.action.kind.is_part)

    def _records(self) -> Iterable[Record]:
        seen = [row.record for row in self.rows if row.record is not None]
        return seen or [self.chosen]


def _comes_in(record: Record) -> bool:
    return record.action.kind is Kind.RESPONSE


def action_of(row: Row) -> str:
    """The id of the action that a row is about; empty for remarks."""
    return row.record.action.id if row.record is not None else row.action_id


def exchange_of(chosen: Record, rows: Iterable[Row]) -> Exchange:
    """Gather what belongs to `chosen` out of `rows`, oldest first. Takes one pass."""
    wanted, session = chosen.action.id, chosen.action.session
    ours: list[Row] = []
    before: list[Row] = []
    after: list[Row] = []
    for row in rows:
        if action_of(row) == wanted:
            ours.append(row)
            del ours[:-MAX_PARTS]
        elif row.record is None or not session or row.record.action.session != session:
            continue
        elif not ours:
            before.append(row)
            del before[:-AROUND]
        elif len(after) < AROUND:
            after.append(row)
    if not ours:
        # It came from the history: nothing of it is in memory, and what its session does now is not around it.
        return Exchange(chosen, (Row(chosen.at, chosen),))
    return Exchange(chosen, tuple(ours), tuple(before), tuple(after))
