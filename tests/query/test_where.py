from __future__ import annotations

import sqlite3
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelock.model import Record, Verdict
from pipelock.query import FilterError, parse, where
from pipelock.query._fields import TEXTS, WORDS
from tests.factories import a_decision, a_record, a_summary

NOW = 1_700_000_000.0
_TEXT = ("agent", "host", "layer", "rule", "session")
_WORD = ("id", "kind", "method", "outcome", "transport", "verdict")


@pytest.mark.parametrize(
    ("source", "sql", "exact"),
    [
        ("host:a", "instr(host, ?) > 0", True),
        ("!host:a", "NOT (instr(host, ?) > 0)", True),
        ("verdict:block,warn", "verdict IN (?, ?)", True),
        ("size>=10", "size >= ?", True),
        ("after:1h", "at >= ?", True),
        ("words", "1", False),
        ("!words", "1", False),
        ("!(host:a or words)", "1", False),
        ("host:a words", "(instr(host, ?) > 0) AND (1)", False),
    ],
)
def test_conditions(source: str, sql: str, *, exact: bool) -> None:
    said = where(parse(source, NOW, UTC).root)
    assert (said.sql, said.exact) == (sql, exact)


def test_what_was_typed_is_never_part_of_the_statement() -> None:
    said = where(parse("""host:"x'; DROP TABLE t; --" """).root)
    assert "DROP" not in said.sql
    assert said.values == ("x'; drop table t; --",)


def a_table(record: Record) -> sqlite3.Connection:
    base = sqlite3.connect(":memory:")
    names = [*_TEXT, *_WORD, "size", "at"]
    texts = [(TEXTS | WORDS)[name](record).casefold() for name in (*_TEXT, *_WORD)]
    base.execute(f"CREATE TABLE t ({', '.join(names)})")
    base.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(names))})", (*texts, record.action.size, record.at))
    return base


_RECORDS = st.builds(
    lambda host, verdict, size, at, reason: a_record(
        at=at, action=a_summary(host=host, size=size), decision=a_decision(verdict=verdict, reason=reason)
    ),
    st.sampled_from(["a.b", "B", "c"]),
    st.sampled_from(Verdict),
    st.sampled_from([0, 5, 10]),
    st.sampled_from([NOW, NOW - 7200]),
    st.sampled_from(["", "b", "words"]),
)
_ATOMS = st.sampled_from(["host:b", "verdict:block,ask", "size>5", "before:1h", "words", "path:p", "method:get", "~b"])
_SOURCES = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        inner.map("!({})".format),
        st.tuples(inner, inner).map("({0[0]} or {0[1]})".format),
        st.tuples(inner, inner).map("({0[0]} {0[1]})".format),
    ),
    max_leaves=6,
)


@given(_RECORDS, _SOURCES)
def test_the_database_never_leaves_out_what_is_meant(record: Record, source: str) -> None:
    try:
        wanted = parse(source, NOW, UTC)
    except FilterError:
        return
    said = where(wanted.root)
    base = a_table(record)
    try:
        hit = bool(base.execute(f"SELECT 1 FROM t WHERE {said.sql}", said.values).fetchone())
    finally:
        base.close()
    matches = wanted.matches(record)
    assert hit or not matches
    if said.exact:
        assert hit is matches
