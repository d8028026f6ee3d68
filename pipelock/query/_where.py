"""A filter as conditions for a database that holds its fields in columns.

What cannot be said there is left out: every record that is meant meets the conditions, and some that are not may. So
what the database finds is held against the filter again.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelock.query._terms import All, Any, Node, Not, Term

__all__ = ["Where", "where"]

_CONTAINED = frozenset({"agent", "host", "layer", "rule", "session"})
_EQUAL = frozenset({"id", "kind", "method", "outcome", "transport", "verdict"})
_COLUMNS = {"size": "size", "after": "at", "before": "at"}


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions and the values for their `?`s. `exact`: they say all that the filter says."""

    sql: str
    values: tuple[str | float, ...] = ()
    exact: bool = True


_ANYTHING = Where("1", (), exact=False)


def where(node: Node) -> Where:
    """The conditions of a tree (`Filter.root`).

    Columns: agent, host, layer, rule, session (folded text), id, kind, method, outcome, transport, verdict (folded),
    size, at (numbers). The text of a condition is made of our own words alone; what was typed is in `values`.
    """
    match node:
        case Term():
            return _term(node)
        case Not():
            inner = where(node.node)
            # What is not known to be the whole condition can't be turned round.
            return Where(f"NOT ({inner.sql})", inner.values) if inner.exact else _ANYTHING
        case All():
            return _join(" AND ", [where(each) for each in node.nodes]) if node.nodes else Where("1")
        case Any():
            return _join(" OR ", [where(each) for each in node.nodes])


def _join(word: str, parts: list[Where]) -> Where:
    sql = word.join(f"({part.sql})" for part in parts)
    return Where(sql, tuple(value for part in parts for value in part.values), all(part.exact for part in parts))


def _term(term: Term) -> Where:
    if term.key in _CONTAINED:
        return Where(" OR ".join(f"instr({term.key}, ?) > 0" for _ in term.values), term.values)
    if term.key in _EQUAL:
        return Where(f"{term.key} IN ({', '.join('?' for _ in term.values)})", term.values)
    if term.key in _COLUMNS:
        sign = {"after": ">=", "before": "<"}.get(term.key) or {":": "="}.get(term.sign, term.sign)
        return Where(f"{_COLUMNS[term.key]} {sign} ?", (term.number,))
    return _ANYTHING
